package main

import "os/exec"

func ownGroup(*exec.Cmd) {}

func endGroup(cmd *exec.Cmd, _ bool) {
	_ = cmd.Process.Kill() // gone already is as good
}
