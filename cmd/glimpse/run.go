package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/experiments"
	_ "github.com/glimpse-ml/glimpse/internal/backend/quiet" // no log lines of libraries
)

// Exit codes. A process that ends by a signal adds the signal's number to 128, as shells do.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2 // unknown command, flag or argument

	// A run that was stopped by a signal and can be resumed: sysexits.h's EX_TEMPFAIL, "try again later".
	exitStopped = 75
)

// patience is how long a process may take to end after a signal.
const patience = 10 * time.Second

// run is the whole command: standard output carries only the result, everything else goes to standard error, and
// every error is one sentence there.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, caught, stop := withSignals(stderr)
	defer stop()
	out := &checkedWriter{w: stdout}
	err := execute(ctx, newRoot(), args, stdin, out, stderr)
	if out.err != nil && (err == nil || errors.Is(err, out.err)) {
		err = fmt.Errorf("cannot write the result to standard output: %w", reason(out.err))
	}
	if err == nil {
		return exitOK
	}
	if code := caught.Load(); code != 0 && errors.Is(err, context.Canceled) {
		if text := sentence(err); text != context.Canceled.Error() {
			fmt.Fprintf(stderr, "glimpse: %s\n", text)
		}
		if errors.Is(err, experiments.ErrStopped) {
			return exitStopped
		}
		return int(code)
	}
	fmt.Fprintf(stderr, "glimpse: %s\n", sentence(err))
	if debugging() {
		fmt.Fprintf(stderr, "%+v\n", err)
	}
	var usage *usageError
	if errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}

// execute finds the command and runs it. A panic becomes an error.
func execute(ctx context.Context, root *cobra.Command, args []string, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("internal error: %v; please report it together with the command; GLIMPSE_DEBUG=1 shows where it happened", r)
			if debugging() {
				fmt.Fprintf(stderr, "%s\n", debug.Stack())
			}
		}
	}()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	if err := checkCommand(root, args); err != nil {
		return err
	}
	return root.ExecuteContext(ctx)
}

// withSignals returns a context that ends at the first SIGINT or SIGTERM, and where the exit code for that signal
// will be found. The second signal ends the process at once, and so does [patience] without an end.
func withSignals(stderr io.Writer) (ctx context.Context, code *atomic.Int32, stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	code = new(atomic.Int32)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	number := func(s os.Signal) int { return 128 + int(s.(syscall.Signal)) }
	go func() {
		first, ok := <-signals
		if !ok {
			return
		}
		code.Store(int32(number(first)))
		fmt.Fprintln(stderr, "glimpse: stopping; the same again stops at once")
		cancel()
		select {
		case second, ok := <-signals:
			if ok {
				os.Exit(number(second))
			}
		case <-time.After(patience):
			fmt.Fprintln(stderr, "glimpse: stopping took too long; what was not finished is lost")
			os.Exit(number(first))
		}
	}()
	return ctx, code, func() {
		signal.Stop(signals)
		close(signals)
		cancel()
	}
}

// sentence is an error as one line without stack traces.
func sentence(err error) string {
	var kept []string
	for line := range strings.Lines(err.Error()) {
		line = strings.TrimSpace(line)
		if traceStart.MatchString(line) {
			break
		}
		if line != "" {
			kept = append(kept, line)
		}
	}
	if len(kept) == 0 {
		return "something failed without saying what; GLIMPSE_DEBUG=1 may show more"
	}
	return strings.Join(kept, " ")
}

// traceStart matches the lines with which stack traces begin: goroutine headers, functions, files with line numbers.
var traceStart = regexp.MustCompile(`^(goroutine \d+ \[|/\S+\.go:\d+|[\w.\-]+(/[\w.\-*()]+)+\.[\w.()*]+$|runtime\.\w+$|main\.\w+$)`)

func debugging() bool { return os.Getenv("GLIMPSE_DEBUG") == "1" }

// checkedWriter remembers the first failed write, so that a full disk behind standard output is no success.
type checkedWriter struct {
	w   io.Writer
	err error
}

func (c *checkedWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	if err != nil && c.err == nil {
		c.err = err
	}
	return n, err
}
