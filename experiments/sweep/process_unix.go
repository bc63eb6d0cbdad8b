//go:build unix

package sweep

import (
	"os"
	"os/exec"
	"syscall"
)

// ownGroup puts a process into a group of its own, which a terminal's Ctrl-C does not reach.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func terminate(p *os.Process) error { return p.Signal(syscall.SIGTERM) }
