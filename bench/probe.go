package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// probes is how many writes the disk is tried with.
const probes = 200

// machine says on what was measured, and how quick the disk is now.
func (b *bench) machine(when string) error {
	took, err := probeDisk(b.dir)
	if err != nil {
		return fmt.Errorf("try the disk: %w", err)
	}
	if when == "before" {
		fmt.Fprintf(b.out, "# imbot on this machine\n\n%s\n\n", strings.Join(facts(), "; "))
		fmt.Fprintf(b.out, "%d rounds of %gs for each cell. Figures are medians over the rounds (lowest–highest); ratios are taken within each round.\n\n", b.rounds, b.seconds)
	}
	fmt.Fprintf(b.out, "Disk %s: 8 KB write and sync p50 %.2f ms, p99 %.2f ms. Load of the machine: %s\n\n", when, quantile(took, 0.5), quantile(took, 0.99), loadAverage())
	return nil
}

// probeDisk returns the sorted times of small writes with a sync each.
func probeDisk(dir string) (took []time.Duration, err error) {
	f, err := os.CreateTemp(dir, "probe-*")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	page := make([]byte, 8<<10)
	for i := range probes {
		t := time.Now()
		if _, err := f.WriteAt(page, int64(i%64*len(page))); err != nil {
			return nil, err
		}
		if err := syncData(f); err != nil {
			return nil, err
		}
		took = append(took, time.Since(t))
	}
	slices.Sort(took)
	return took, nil
}

func facts() []string {
	out := []string{fmt.Sprintf("%d cores", runtime.NumCPU()), runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH}
	if cpu := field(filepath.Join("/proc", "cpuinfo"), "model name"); cpu != "" {
		out = append(out, cpu)
	}
	if e := os.Getenv("GOEXPERIMENT"); e != "" {
		out = append(out, "GOEXPERIMENT="+e)
	}
	return out
}

// field returns the value of the first "name : value" line of a file of /proc,
// or "" where there is none.
func field(path, name string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

func loadAverage() string {
	data, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	f := strings.Fields(string(data))
	return f[0] + " over the last minute"
}
