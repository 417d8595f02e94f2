//go:build !linux

package main

import "os"

// syncData makes what was written durable, as the store does.
func syncData(f *os.File) error { return f.Sync() }
