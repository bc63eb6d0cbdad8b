package notebook

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/glimpse-ml/glimpse/internal/shell"
)

// Jupyter listens to this machine alone, asks for its token, knows the kernel, and ends when it is told to.
func TestRunServesWithAToken(t *testing.T) {
	needJupyter(t, "jupyter-notebook")
	k := installed(t)
	opened := filepath.Join(t.TempDir(), "opened")
	browser := filepath.Join(t.TempDir(), "browser")
	if err := writeScript(browser, "#!/bin/sh\ntouch "+shell.Quote(opened)+"\n"); err != nil {
		t.Fatal(err)
	}
	t.Setenv("BROWSER", browser)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var said lockedBuffer
	ended := make(chan error, 1)
	go func() {
		ended <- k.Run(ctx, Server{Open: writeNotebook(t, "%%\nfmt.Println(1)"), NoBrowser: true}, &said)
	}()
	address := regexp.MustCompile(`http://(127\.0\.0\.1:\d+)/\S*\?token=([0-9a-f]{40,})`)
	var found []string
	for deadline := time.Now().Add(30 * time.Second); found == nil; time.Sleep(50 * time.Millisecond) {
		select {
		case err := <-ended:
			t.Fatalf("Jupyter ended by itself: %v\n%s", err, said.String())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("expected an address with a token, Jupyter said:\n%s", said.String())
		}
		found = address.FindStringSubmatch(said.String())
	}
	get := func(query string) (int, string) {
		answer, err := http.Get("http://" + found[1] + "/api/kernelspecs" + query)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(body)
	}
	if code, _ := get(""); code != http.StatusForbidden {
		t.Errorf("without the token the answer is %d, expected 403", code)
	}
	code, body := get("?token=" + found[2])
	if code != http.StatusOK || !regexp.MustCompile(`"display_name": ?"Glimpse \(Go\)"`).MatchString(body) {
		t.Errorf("with the token: %d %s", code, body)
	}
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("Jupyter does not end")
	}
	if _, err := os.Stat(opened); err == nil {
		t.Error("a browser was opened, though none was wanted")
	}
}

func TestRunWithoutWhatItNeeds(t *testing.T) {
	dir := t.TempDir()
	k := Kernel{Checkout: dir, Programs: dir, Jupyter: dir}
	t.Setenv("PATH", dir)
	sentence(t, k.Run(t.Context(), Server{Open: dir}, io.Discard), "expected jupyter-lab or jupyter-notebook on PATH", "apt-get install -y jupyter-notebook")

	if err := writeScript(filepath.Join(dir, "jupyter-notebook"), "#!/bin/sh\nexit 7\n"); err != nil {
		t.Fatal(err)
	}
	sentence(t, k.Run(t.Context(), Server{Open: filepath.Join(dir, "none.ipynb")}, io.Discard), "expected a notebook or a folder", "none.ipynb")
	sentence(t, k.Run(t.Context(), Server{Open: dir}, io.Discard), "exit code 7")

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	sentence(t, k.Run(t.Context(), Server{Open: dir, Port: port}, io.Discard), "expected a port that Jupyter can listen to", "leave --port out")
	if err := (Server{Open: dir}).Check(); err != nil {
		t.Errorf("nothing is missing, found: %v", err)
	}
}
