// Package progress shows how far a long piece of work is and how long it still takes: a bar on a terminal, a
// plain line every few seconds in a log or a pipe. It belongs on standard error.
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// Options change how a [Bar] is shown. The zero value suits counted work.
type Options struct {
	Bytes bool          // the units are bytes: show MB
	Quiet bool          // show nothing at all
	Every time.Duration // time between plain lines; 0 means 5 seconds

	columns func(io.Writer) int // tests only: replaces the look at the terminal
	now     func() time.Time    // tests only: replaces the clock
}

// Bar shows one piece of work. All methods may be called on a nil *Bar, which shows nothing, and from several
// goroutines.
type Bar struct {
	mu       sync.Mutex
	w        io.Writer
	title    string
	text     func() string // of Describe
	bytes    bool
	total    int64
	done     int64
	finished bool

	columns int           // of the terminal; 0 when w is none
	every   time.Duration // between lines or redraws
	now     func() time.Time
	start   time.Time
	shown   time.Time // when the last line was printed or the bar was drawn
	first   time.Time // when the first progress was reported, and how much it was: the rate counts from
	already int64     // there, because before there lies what a step needs once (compiling, resuming)
}

// New starts a bar for total units of work, or for work of unknown size when total is negative. It returns nil,
// which is a bar that shows nothing, when w is nil or opts.Quiet is set.
func New(w io.Writer, title string, total int64, opts Options) *Bar {
	if w == nil || opts.Quiet {
		return nil
	}
	if opts.columns == nil {
		opts.columns = columns
	}
	if opts.now == nil {
		opts.now = time.Now
	}
	if opts.Every <= 0 {
		opts.Every = 5 * time.Second
	}
	b := &Bar{w: w, title: title, total: total, bytes: opts.Bytes, every: opts.Every, now: opts.now, columns: opts.columns(w)}
	b.start = b.now()
	b.shown = b.start
	if b.columns > 0 {
		b.every = 100 * time.Millisecond
		b.draw()
	}
	return b
}

// columns is the width of the terminal behind w, 0 when there is none.
func columns(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" || !term.IsTerminal(int(f.Fd())) {
		return 0
	}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil && width > 0 {
		return width
	}
	return 80
}

// Set says that n units are done in all.
func (b *Bar) Set(n int64) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.set(n)
}

// Add says that n more units are done.
func (b *Bar) Add(n int64) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.set(b.done + n)
}

func (b *Bar) set(n int64) {
	if b.finished {
		return
	}
	if b.first.IsZero() {
		b.first, b.already = b.now(), n
	}
	b.done = n
	b.show()
}

// Describe shows text, such as "loss 1.23", beside the count until the next call.
func (b *Bar) Describe(text string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.finished {
		return
	}
	b.text = func() string { return text }
	b.show()
}

// DescribeBy has text called for what stands beside the count, whenever that is shown, until the next call: while one of the bar's methods runs, which
// text may not call. Work of milliseconds that calls [Bar.Set] after each then pays for no text that nobody sees.
func (b *Bar) DescribeBy(text func() string) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text = text
}

// Done ends the bar and leaves one line that says what was done and how long it took. Later calls do nothing, so
// it can be deferred.
func (b *Bar) Done() {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.finished {
		return
	}
	b.finished = true
	verb := "in"
	if b.total >= 0 && b.done < b.total {
		verb = "stopped after"
	}
	clear := ""
	if b.columns > 0 {
		clear = "\r\x1b[K"
	}
	fmt.Fprintf(b.w, "%s%s: %s%s %s%s\n", clear, b.title, b.count(" "), verb, duration(b.now().Sub(b.start)), b.described())
}

// Write adds len(p), so that a Bar can be one end of an [io.TeeReader] or [io.MultiWriter]. It never fails.
func (b *Bar) Write(p []byte) (int, error) {
	b.Add(int64(len(p)))
	return len(p), nil
}

// show draws or prints when the last time is long enough ago.
func (b *Bar) show() {
	now := b.now()
	if now.Sub(b.shown) < b.every {
		return
	}
	b.shown = now
	if b.columns > 0 {
		b.draw()
		return
	}
	percent := ""
	if b.total > 0 {
		percent = fmt.Sprintf("(%d%%), ", b.percent())
	}
	fmt.Fprintf(b.w, "%s: %s%s%s%s\n", b.title, b.count(" "), percent, b.time(), b.described())
}

// draw redraws the terminal's line. It never fills the line: one that wraps cannot be redrawn.
func (b *Bar) draw() {
	line := b.title + " "
	if b.total > 0 {
		const width = 20
		full := int(width * min(b.done, b.total) / b.total)
		line += strings.Repeat("█", full) + strings.Repeat("░", width-full) + fmt.Sprintf(" %d%% ", b.percent())
	}
	line += b.count(", ") + b.time() + b.described()
	if runes := []rune(line); len(runes) > b.columns-1 {
		line = string(runes[:max(0, b.columns-2)]) + "…"
	}
	fmt.Fprintf(b.w, "\r%s\x1b[K", line)
}

// percent never says 100 before everything is done.
func (b *Bar) percent() int64 { return 100 * min(b.done, b.total) / b.total }

// time is "12s left" when that can be told, else "after 12s".
func (b *Bar) time() string {
	now := b.now()
	if done := b.done - b.already; b.total > 0 && done > 0 && b.done < b.total {
		left := time.Duration(float64(now.Sub(b.first)) / float64(done) * float64(b.total-b.done))
		return duration(left) + " left"
	}
	return "after " + duration(now.Sub(b.start))
}

func (b *Bar) described() string {
	if b.text == nil {
		return ""
	}
	if text := b.text(); text != "" {
		return " (" + text + ")"
	}
	return ""
}

// count is "120/6000" or "4.2/113.5 MB" followed by the separator or, when nothing is known, nothing.
func (b *Bar) count(separator string) string {
	switch {
	case b.bytes && b.total > 0:
		return fmt.Sprintf("%.1f/%.1f MB", float64(b.done)/1e6, float64(b.total)/1e6) + separator
	case b.bytes && b.done > 0:
		return fmt.Sprintf("%.1f MB", float64(b.done)/1e6) + separator
	case b.total > 0:
		return fmt.Sprintf("%d/%d", b.done, b.total) + separator
	case b.done > 0:
		return fmt.Sprint(b.done) + separator
	}
	return ""
}

// duration is short and rounded: "0.4s", "12s", "3m05s", "2h10m".
func duration(d time.Duration) string {
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%.0fs", d.Seconds())
	case d < time.Hour:
		s := int(d.Round(time.Second).Seconds())
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	}
	m := int(d.Round(time.Minute).Minutes())
	return fmt.Sprintf("%dh%02dm", m/60, m%60)
}
