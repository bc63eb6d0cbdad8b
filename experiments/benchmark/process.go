package benchmark

import (
	"bufio"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

//go:embed peer.py
var peerProgram string

//go:embed peer_captioner.py
var peerCaptioner string

// side is a worker's process.
type side struct {
	name    string
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Scanner
	problem *strings.Builder // what it wrote to standard error
}

// start runs a worker.
func start(ctx context.Context, name string, command []string) (*side, error) {
	s := &side{name: name, cmd: exec.CommandContext(ctx, command[0], command[1:]...), problem: &strings.Builder{}}
	s.cmd.Stderr = s.problem
	in, err := s.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	s.in, s.out = in, bufio.NewScanner(out)
	s.out.Buffer(nil, 1<<20)
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %s: %w", name, err)
	}
	return s, nil
}

// ask sends a request and waits for the answer.
func (s *side) ask(r request) (answer, error) {
	line, err := json.Marshal(r)
	if err != nil {
		return answer{}, err
	}
	if _, err := s.in.Write(append(line, '\n')); err != nil {
		return answer{}, s.broken(err)
	}
	if !s.out.Scan() {
		return answer{}, s.broken(s.out.Err())
	}
	var a answer
	if err := json.Unmarshal(s.out.Bytes(), &a); err != nil {
		return a, fmt.Errorf("%s: expected an answer as JSON, found %.200q", s.name, s.out.Bytes())
	}
	if a.Error != "" {
		return a, fmt.Errorf("%s cannot %s: %s", s.name, r.Do, a.Error)
	}
	return a, nil
}

// broken ends a worker that answers no more and says what it said last.
func (s *side) broken(err error) error {
	if errors.Is(err, bufio.ErrTooLong) {
		_ = s.cmd.Process.Kill() // it may wait for somebody who reads on
	}
	_ = s.stop() // what it writes to standard error is whole then
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	text := strings.TrimSpace(s.problem.String())
	if i := strings.LastIndexByte(text, '\n'); i >= 0 {
		text = text[i+1:]
	}
	return fmt.Errorf("%s has ended (%w): %s", s.name, err, text)
}

// peakMemory is the largest resident memory of the process so far, in bytes; 0 where the system does not tell.
func (s *side) peakMemory() int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kilobytes, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
			if err == nil {
				return kilobytes << 10
			}
		}
	}
	return 0
}

func (s *side) stop() error {
	return errors.Join(s.in.Close(), s.cmd.Wait())
}

// ErrNoPeer says that PyTorch is not to be had.
var ErrNoPeer = errors.New("expected python3 with PyTorch, found none; `apt-get install python3-torch libopenblas0-openmp` brings it on Debian, " +
	"GLIMPSE_PYTHON names another python")

// pythons are the interpreters that are tried, in order.
func pythons() []string {
	if named := os.Getenv("GLIMPSE_PYTHON"); named != "" {
		return []string{named}
	}
	return []string{"python3", "/usr/bin/python3"}
}

// Peer is the command of the other side's worker, with the first python that has PyTorch.
func Peer(ctx context.Context) ([]string, error) {
	for _, python := range pythons() {
		if exec.CommandContext(ctx, python, "-c", "import torch").Run() == nil {
			return []string{python, "-c", peerCaptioner + "\n" + peerProgram}, nil
		}
	}
	return nil, ErrNoPeer
}
