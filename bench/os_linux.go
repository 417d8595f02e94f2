package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// syncData makes what was written durable, as the store does.
func syncData(f *os.File) error { return syscall.Fdatasync(int(f.Fd())) }

// cpuTime is what this process has used of the processors.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// tick is the unit of times in /proc: USER_HZ is 100 everywhere.
// https://man7.org/linux/man-pages/man5/proc_stat.5.html
const tick = 10 * time.Millisecond

// machineTime is what all have used of the processors, other virtual machines
// included, as far as this one can tell. 0: not known.
func machineTime() time.Duration {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(data), "\n")
	// cpu user nice system idle iowait irq softirq steal
	return ticks(strings.Fields(line), 1, 2, 3, 6, 7, 8)
}

// processTime is what another process has used. 0: not known.
func processTime(pid int) time.Duration {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name in parentheses may hold spaces; utime and stime are the 12th and 13th
	// field after it.
	return ticks(strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:])), 11, 12)
}

// ticks adds up some of the fields.
func ticks(fields []string, which ...int) time.Duration {
	sum := time.Duration(0)
	for _, i := range which {
		if i >= len(fields) {
			return 0
		}
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0
		}
		sum += time.Duration(n) * tick
	}
	return sum
}
