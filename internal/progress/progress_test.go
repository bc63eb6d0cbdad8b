package progress

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

// clock is a time that tests move.
type clock struct{ t time.Time }

func (c *clock) now() time.Time            { return c.t }
func (c *clock) pass(d time.Duration)      { c.t = c.t.Add(d) }
func (c *clock) options(o Options) Options { o.now = c.now; return o }

func TestPlainLines(t *testing.T) {
	c := &clock{t: time.Unix(0, 0)}
	var out bytes.Buffer
	b := New(&out, "features", 200, c.options(Options{Every: 2 * time.Second}))
	for range 100 {
		c.pass(50 * time.Millisecond)
		b.Add(1)
	}
	b.Describe("loss 1.23")
	c.pass(5 * time.Second)
	b.Set(150)
	c.pass(time.Second)
	b.Set(200)
	b.Done()
	b.Done() // a deferred second call
	b.Add(1)
	want := `features: 40/200 (20%), 8.0s left
features: 80/200 (40%), 6.0s left
features: 150/200 (75%), 3.3s left (loss 1.23)
features: 200/200 in 11s (loss 1.23)
`
	if out.String() != want {
		t.Errorf("got:\n%swant:\n%s", out.String(), want)
	}
}

// A text that is made when it is shown is made no more often.
func TestDescribeBy(t *testing.T) {
	c := &clock{t: time.Unix(0, 0)}
	var out bytes.Buffer
	b := New(&out, "training", 100, c.options(Options{Every: 4 * time.Second}))
	called, step := 0, 0
	b.DescribeBy(func() string {
		if called++; step < 50 {
			return ""
		}
		return fmt.Sprintf("step %d", step)
	})
	for step = 1; step <= 100; step++ {
		c.pass(100 * time.Millisecond)
		b.Set(int64(step))
	}
	step--
	b.Done()
	want := `training: 40/100 (40%), 6.0s left
training: 80/100 (80%), 2.0s left (step 80)
training: 100/100 in 10s (step 100)
`
	if out.String() != want || called != 3 {
		t.Errorf("called %d times, got:\n%swant:\n%s", called, out.String(), want)
	}
	(*Bar)(nil).DescribeBy(func() string { return "" })
}

func TestPlainLinesOfBytesOfUnknownSize(t *testing.T) {
	c := &clock{t: time.Unix(0, 0)}
	var out bytes.Buffer
	b := New(&out, "fetching", -1, c.options(Options{Bytes: true}))
	c.pass(6 * time.Second)
	if _, err := io.Copy(b, strings.NewReader(strings.Repeat("x", 2_500_000))); err != nil {
		t.Fatal(err)
	}
	c.pass(70 * time.Second)
	b.Describe("unpacking")
	b.Done()
	want := `fetching: 2.5 MB after 6.0s
fetching: 2.5 MB after 1m16s (unpacking)
fetching: 2.5 MB in 1m16s (unpacking)
`
	if out.String() != want {
		t.Errorf("got:\n%swant:\n%s", out.String(), want)
	}
}

func TestStoppedEarly(t *testing.T) {
	c := &clock{t: time.Unix(0, 0)}
	var out bytes.Buffer
	b := New(&out, "training", 10, c.options(Options{}))
	c.pass(2 * time.Second)
	b.Set(4)
	b.Done()
	if want := "training: 4/10 stopped after 2.0s\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestNilAndQuietBarsShowNothing(t *testing.T) {
	var out bytes.Buffer
	for name, b := range map[string]*Bar{"nil": nil, "quiet": New(&out, "x", 3, Options{Quiet: true}), "no writer": New(nil, "x", 3, Options{})} {
		b.Set(1)
		b.Add(1)
		b.Describe("y")
		b.Done()
		if n, err := b.Write([]byte("abc")); n != 3 || err != nil {
			t.Errorf("%s: Write gave %d, %v", name, n, err)
		}
	}
	if out.Len() != 0 {
		t.Errorf("a quiet bar wrote %q", out.String())
	}
}

// screen is what a terminal of one line shows after the bytes, and the lines that scrolled out above it.
func screen(t *testing.T, out string, columns int) (above []string, line string) {
	t.Helper()
	for _, redrawn := range strings.SplitAfter(out, "\n") {
		text := redrawn[strings.LastIndex(redrawn, "\r")+1:]
		for _, part := range strings.Split(redrawn, "\r") {
			if part = strings.ReplaceAll(part, "\x1b[K", ""); !strings.HasSuffix(part, "\n") && len([]rune(part)) >= columns {
				t.Errorf("a line of %d columns wraps on a terminal of %d: %q", len([]rune(part)), columns, part)
			}
		}
		text = strings.ReplaceAll(text, "\x1b[K", "")
		if done, isLine := strings.CutSuffix(text, "\n"); isLine {
			above = append(above, done)
		} else {
			line = text
		}
	}
	return above, line
}

func TestTerminal(t *testing.T) {
	for _, test := range []struct {
		name     string
		total    int64
		opts     Options
		columns  int
		add      int64
		halfway  string
		finished string
	}{
		{"counted", 100, Options{}, 80, 1, "loading ██████████░░░░░░░░░░ 50% 50/100, 10s left (loss 1.23)", "loading: 100/100 in 20s (loss 1.23)"},
		{"bytes", 100e6, Options{Bytes: true}, 80, 1e6, "loading ██████████░░░░░░░░░░ 50% 50.0/100.0 MB, 10s left (loss 1.23)", "loading: 100.0/100.0 MB in 20s (loss 1.23)"},
		{"unknown", -1, Options{}, 80, 1, "loading 50, after 10s (loss 1.23)", "loading: 100 in 20s (loss 1.23)"},
		{"more than guessed", 40, Options{}, 80, 1, "loading ████████████████████ 100% 50/40, after 10s (loss 1.23)", "loading: 100/40 in 20s (loss 1.23)"},
		{"narrow", 100, Options{}, 30, 1, "loading ██████████░░░░░░░░░░…", "loading: 100/100 in 20s (loss 1.23)"},
		{"nothing to do", 0, Options{}, 80, 0, "loading after 10s (loss 1.23)", "loading: in 20s (loss 1.23)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := &clock{t: time.Unix(0, 0)}
			test.opts.columns = func(io.Writer) int { return test.columns }
			var out bytes.Buffer
			b := New(&out, "loading", test.total, c.options(test.opts))
			b.Describe("loss 1.23")
			b.Set(0)
			for i := range 100 {
				c.pass(200 * time.Millisecond)
				b.Add(test.add)
				if i == 49 {
					if above, line := screen(t, out.String(), test.columns); line != test.halfway || above != nil {
						t.Errorf("halfway it shows %q, expected %q; above it %q", line, test.halfway, above)
					}
				}
			}
			b.Done()
			b.Add(1)
			if above, line := screen(t, out.String(), test.columns); line != "" || len(above) != 1 || above[0] != test.finished {
				t.Errorf("in the end it shows %q and %q, expected the line %q", above, line, test.finished)
			}
		})
	}
}

func TestRedrawnTenTimesASecondAtMost(t *testing.T) {
	c := &clock{t: time.Unix(0, 0)}
	var out bytes.Buffer
	b := New(&out, "x", 1000, c.options(Options{columns: func(io.Writer) int { return 80 }}))
	for range 1000 {
		c.pass(time.Millisecond)
		b.Add(1)
	}
	if n := strings.Count(out.String(), "\r"); n != 11 {
		t.Errorf("drawn %d times in a second, expected 11", n)
	}
}

// The time before the first progress (compiling a model, loading a checkpoint) and what was done before a
// resume say nothing about the rate.
func TestTimeLeftAfterASlowStart(t *testing.T) {
	c := &clock{t: time.Unix(0, 0)}
	var out bytes.Buffer
	b := New(&out, "training", 1000, c.options(Options{}))
	c.pass(4 * time.Second)
	b.Set(500)
	c.pass(2 * time.Second)
	b.Set(600)
	if want := "training: 600/1000 (60%), 8.0s left\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		400 * time.Millisecond:             "0.4s",
		42 * time.Second:                   "42s",
		3*time.Minute + 5*time.Second:      "3m05s",
		2*time.Hour + 9*time.Minute + 40e9: "2h10m",
	} {
		if got := duration(d); got != want {
			t.Errorf("duration(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	var out safeBuffer
	b := New(&out, "x", 800, Options{})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				b.Add(1)
				b.Describe("y")
			}
		})
	}
	wg.Wait()
	b.Done()
	if !strings.Contains(out.String(), "800/800") {
		t.Errorf("lost some of 800 steps: %q", out.String())
	}
}

type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}
func (s *safeBuffer) Len() int       { s.mu.Lock(); defer s.mu.Unlock(); return s.b.Len() }
func (s *safeBuffer) String() string { s.mu.Lock(); defer s.mu.Unlock(); return s.b.String() }
