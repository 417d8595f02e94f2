//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// ownGroup gives the command a process group of its own, so that Ctrl-C reaches
// us first, and that everything it starts can be ended with it.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(cmd.SysProcAttr)
}

// endGroup ends the command's group: politely, or at once.
func endGroup(cmd *exec.Cmd, now bool) {
	sig := syscall.SIGTERM
	if now {
		sig = syscall.SIGKILL
	}
	_ = syscall.Kill(-cmd.Process.Pid, sig) // gone already is as good
}
