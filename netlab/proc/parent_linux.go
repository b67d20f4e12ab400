package proc

import (
	"os/exec"
	"syscall"
)

// DieWithParent makes the kernel kill the command when the test that starts it
// dies, even by SIGKILL. The signal is bound to the starting thread, which is
// why nothing in a test may let a thread that starts processes end.
func DieWithParent(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
}
