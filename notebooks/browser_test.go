package notebooks_test

import (
	"bytes"
	"context"
	"image/png"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/glimpse-ml/glimpse/internal/browsertest"
	"github.com/glimpse-ml/glimpse/internal/notebook"
)

// A reader opens the first notebook in Jupyter, clicks Run until a figure stands below a cell, and sees it. The browser and the server
// are real; the buttons are those of Jupyter Notebook up to version 6.
func TestFirstNotebookInABrowser(t *testing.T) {
	browsertest.Find(t)
	kernel := sharedKernel(t)
	if version, err := exec.Command("jupyter-notebook", "--version").Output(); err != nil || !strings.HasPrefix(string(version), "6.") {
		t.Skipf("expected Jupyter Notebook 6, whose buttons this test clicks, found %q (%v)", version, err)
	}
	if _, err := exec.LookPath("jupyter-lab"); err == nil {
		t.Skip("expected Jupyter Notebook alone, whose buttons this test clicks, found JupyterLab too, which is preferred")
	}
	first := all(t)[0]
	text, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), first)
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
	p := browsertest.Open(t, serve(t, kernel, path))
	p.WaitFor("window.Jupyter && Jupyter.notebook && Jupyter.notebook.kernel && Jupyter.notebook.kernel.is_connected()", 3*time.Minute)
	const figure = `[...document.querySelectorAll(".output_area img")].find(e => e.naturalWidth >= 300 && e.getBoundingClientRect().height > 50)`
	var cells int
	p.Evaluate(`document.querySelectorAll(".cell").length`, &cells)
	for clicks := 0; ; clicks++ {
		if clicks > cells {
			t.Fatalf("expected a figure below one of the %d cells, found none", cells)
		}
		p.Click(`button[data-jupyter-action="jupyter-notebook:run-cell-and-select-next"]`)
		p.WaitFor(`document.querySelectorAll(".code_cell.running").length === 0`, 10*time.Minute)
		var failed []string
		p.Evaluate(`[...document.querySelectorAll(".output_error, .output_stderr")].map(e => e.innerText)`, &failed)
		if len(failed) > 0 {
			t.Fatalf("a cell failed: %s", failed)
		}
		var seen bool
		if p.Evaluate("Boolean("+figure+")", &seen); seen {
			break
		}
	}
	p.Evaluate(figure+`.scrollIntoView({block: "center"})`, nil)
	shot := p.Screenshot()
	if dir := os.Getenv("GLIMPSE_SCREENSHOTS"); dir != "" { // to be looked at
		if err := os.WriteFile(filepath.Join(dir, "notebook.png"), shot, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	page, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatal(err)
	}
	colours := map[[3]uint32]bool{}
	for y := range page.Bounds().Dy() {
		for x := range page.Bounds().Dx() {
			r, g, b, _ := page.At(x, y).RGBA()
			colours[[3]uint32{r, g, b}] = true
		}
	}
	if size := page.Bounds().Size(); size.X < 900 || len(colours) < 100 {
		t.Errorf("expected a page with a figure, found %v with %d colours", size, len(colours))
	}
}

// serve starts Jupyter for the test's time and returns the address of the notebook.
func serve(t *testing.T, kernel notebook.Kernel, path string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var said lockedText
	ended := make(chan error, 1)
	go func() { ended <- kernel.Run(ctx, notebook.Server{Open: path, NoBrowser: true}, &said) }()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	address := regexp.MustCompile(`(http://127\.0\.0\.1:\d+/)\S*\?token=([0-9a-f]{40,})`)
	for deadline := time.Now().Add(3 * time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if found := address.FindStringSubmatch(said.String()); found != nil {
			return found[1] + "notebooks/" + url.PathEscape(filepath.Base(path)) + "?token=" + found[2]
		}
	}
	t.Fatalf("expected an address with a token, Jupyter said:\n%s", said.String())
	return ""
}

// lockedText is a text that a program writes while a test reads.
type lockedText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedText) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
