package main

import "syscall"

// dieWithParent lets the kernel end the child even if we are killed.
func dieWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }
