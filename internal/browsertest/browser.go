// Package browsertest has tests look at pages as a reader does: in Chromium, without a window, driven by the DevTools protocol over a
// pair of pipes (--remote-debugging-pipe: JSON messages that end in a zero byte), so that no port is open and no library is needed.
// Source: https://chromedevtools.github.io/devtools-protocol.
package browsertest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Find is the program of Chromium or Chrome. Without one the test is skipped, on a machine that has to have one (CI set) it fails.
func Find(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const sentence = "expected Chromium on PATH, found none; `sudo apt-get install -y chromium` brings it"
	if os.Getenv("CI") != "" {
		t.Fatal(sentence)
	}
	t.Skip(sentence)
	return ""
}

// Page is a page in a browser of its own, which ends with the test.
type Page struct {
	t       *testing.T
	to      io.Writer
	session string

	mu      sync.Mutex
	last    int
	waiting map[int]chan message
	ended   error // why no more answers come
}

type message struct {
	ID     int             `json:"id,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`

	Method  string `json:"method,omitempty"`
	Params  any    `json:"params,omitempty"`
	Session string `json:"sessionId,omitempty"`
}

// Open starts the browser and opens a page of 1000 x 1400 pixels.
func Open(t *testing.T, address string) *Page {
	t.Helper()
	program := Find(t)
	fromUs, to, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	from, fromIt, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "--headless", "--no-sandbox", "--no-zygote", "--disable-gpu", "--disable-software-rasterizer", "--disable-dev-shm-usage", "--disable-extensions", "--no-first-run", "--mute-audio",
		"--disable-background-networking", "--disable-component-update", "--hide-scrollbars", "--window-size=1000,1400",
		"--user-data-dir="+t.TempDir(), "--remote-debugging-pipe")
	cmd.ExtraFiles = []*os.File{fromUs, fromIt} // descriptors 3 and 4
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) } // its helpers too: its folder is removed next
	cmd.Env = append(os.Environ(), "DBUS_SESSION_BUS_ADDRESS=disabled:")
	var said bytes.Buffer
	cmd.Stderr = &said
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	fromUs.Close()
	fromIt.Close()
	p := &Page{t: t, to: to, waiting: map[int]chan message{}}
	go p.read(from)
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
		to.Close()
		from.Close()
		if t.Failed() {
			t.Logf("the browser said: %.2000s", said.String())
		}
	})
	var target struct{ TargetID string }
	p.call("Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	p.call("Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	p.session = attached.SessionID
	p.call("Page.enable", nil, nil)
	p.Go(address)
	return p
}

// Go opens another page in the same browser.
func (p *Page) Go(address string) {
	p.t.Helper()
	var went struct{ ErrorText string }
	if p.call("Page.navigate", map[string]any{"url": address}, &went); went.ErrorText != "" {
		p.t.Fatalf("cannot open %s: %s", address, went.ErrorText)
	}
	p.WaitFor(`document.readyState !== "loading"`, 5*time.Minute)
}

func (p *Page) read(from io.Reader) {
	in := bufio.NewReaderSize(from, 1<<20)
	for {
		text, err := in.ReadBytes(0)
		var m message
		if err == nil {
			err = json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &m)
		}
		p.mu.Lock()
		if err != nil {
			p.ended = fmt.Errorf("the browser has ended: %w", err)
			for _, answer := range p.waiting {
				close(answer)
			}
			p.waiting = nil
			p.mu.Unlock()
			return
		}
		if answer := p.waiting[m.ID]; answer != nil {
			delete(p.waiting, m.ID)
			answer <- m
		}
		p.mu.Unlock()
	}
}

// send calls a method of the protocol and waits for its answer.
func (p *Page) send(method string, params, result any) error {
	p.mu.Lock()
	if p.ended != nil {
		p.mu.Unlock()
		return p.ended
	}
	p.last++
	m := message{ID: p.last, Method: method, Params: params, Session: p.session}
	answer := make(chan message, 1)
	p.waiting[m.ID] = answer
	p.mu.Unlock()
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if _, err := p.to.Write(append(text, 0)); err != nil {
		return err
	}
	select {
	case m, ok := <-answer:
		switch {
		case !ok:
			return p.ended
		case m.Error != nil:
			return errors.New(m.Error.Message)
		case result != nil:
			return json.Unmarshal(m.Result, result)
		}
		return nil
	case <-time.After(5 * time.Minute):
		return errors.New("expected an answer of the browser within 5 minutes, found none")
	}
}

func (p *Page) call(method string, params, result any) {
	p.t.Helper()
	if err := p.send(method, params, result); err != nil {
		p.t.Fatalf("%s: %v", method, err)
	}
}
