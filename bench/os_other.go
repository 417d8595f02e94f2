//go:build !linux

package main

import (
	"os"
	"time"
)

// syncData makes what was written durable, as the store does.
func syncData(f *os.File) error { return f.Sync() }

// cpuTime is not known here.
func cpuTime() time.Duration { return 0 }
