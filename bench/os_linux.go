package main

import (
	"os"
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
