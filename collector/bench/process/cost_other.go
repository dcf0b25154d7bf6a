//go:build !linux

package process

import (
	"errors"
	"os/exec"
	"time"
)

// Supported is an error on systems that do not tell what another process costs.
func Supported() error {
	return errors.New("what another process costs can be read on Linux only")
}

// CPU is not known here.
func (p *Process) CPU() (time.Duration, error) { return 0, Supported() }

// Memory is not known here.
func (p *Process) Memory() (Memory, error) { return Memory{}, Supported() }

func dieWithParent(*exec.Cmd) {}
