package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// child is a process of this same program, that takes orders on its standard
// input and answers on its standard output.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	enc *json.Encoder
	dec *json.Decoder
}

// startChild starts this program with -child kind and the arguments.
func startChild(kind string, args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(self, append([]string{"-child", kind}, args...)...)}
	c.cmd.Stderr = os.Stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start child process %s: %w", kind, err)
	}
	c.enc, c.dec = json.NewEncoder(c.in), json.NewDecoder(out)
	return c, nil
}

// measure is do, and notes who used the processors meanwhile.
func (c *child) measure(j job) (*load, error) {
	start, machine, own, load := time.Now(), machineTime(), cpuTime(), processTime(c.cmd.Process.Pid)
	l, err := c.do(j)
	if err != nil {
		return nil, err
	}
	l.server = cpuTime() - own
	others := machineTime() - machine - l.server - (processTime(c.cmd.Process.Pid) - load)
	l.others = max(0, others.Seconds()/time.Since(start).Seconds())
	return l, nil
}

// do gives one order to a child that makes load, and waits for what came of it.
func (c *child) do(j job) (*load, error) {
	if err := c.enc.Encode(j); err != nil {
		return nil, fmt.Errorf("order load: %w", err)
	}
	var l load
	if err := c.dec.Decode(&l); err != nil {
		return nil, fmt.Errorf("load did not end: %w", err)
	}
	if l.Err != "" {
		return nil, errors.New("load: " + l.Err)
	}
	return &l, nil
}

// close ends the child, which goes when its input ends.
func (c *child) close() error {
	return errors.Join(c.in.Close(), c.cmd.Wait())
}
