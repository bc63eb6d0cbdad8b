package experiments

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/glimpse-ml/glimpse/internal/atomicfile"
)

// delay is the longest that a recorded step waits to be written. Steps of milliseconds would otherwise pay a system call each.
const delay = 200 * time.Millisecond

// metricsWriter gathers lines and writes them together: [delay] after the first of them, or when somebody asks for it, as a checkpoint
// does. A kill may cost the lines of that time; a run that goes on from its checkpoint makes them again.
type metricsWriter struct {
	mu      sync.Mutex
	file    *os.File
	lines   []byte
	timer   *time.Timer // runs while there are lines
	failure error       // of a write that nobody waited for; the next call says it
	closed  bool
}

// append takes a line that ends in a line break.
func (w *metricsWriter) append(line []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return errors.New("cannot write the run's metrics: the run is over")
	}
	if w.failure != nil {
		return w.failure
	}
	w.lines = append(w.lines, line...)
	if w.timer == nil {
		w.timer = time.AfterFunc(delay, func() { _ = w.flush() }) // kept in failure
	}
	return nil
}

// flush writes the lines that wait.
func (w *metricsWriter) flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.timer != nil {
		w.timer.Stop()
		w.timer = nil
	}
	if w.failure != nil || len(w.lines) == 0 || w.closed {
		return w.failure
	}
	lines := w.lines
	err := atomicfile.Fault(atomicfile.Writing, w.file.Name())
	if err != nil {
		lines = lines[:len(lines)/2] // as a full disk does
	}
	if _, wrong := w.file.Write(lines); err == nil {
		err = wrong
	}
	w.lines = w.lines[:0]
	if err != nil {
		w.failure = fmt.Errorf("cannot write the run's metrics: %w", err)
	}
	return w.failure
}

// close writes what waits and closes the file. It may be called twice.
func (w *metricsWriter) close() error {
	err := w.flush()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	w.closed = true
	if wrong := w.file.Close(); err == nil {
		err = wrong
	}
	return err
}

// Record appends a step to metrics.jsonl, within a fifth of a second. A write that failed is said by the next call.
func (r *Run) Record(s Step) error {
	line, err := s.line()
	if err != nil {
		return fmt.Errorf("cannot record step %d: %w", s.Step, err)
	}
	return r.metrics.append(line)
}

// line is the step as a line of metrics.jsonl. It is put together by hand: the library's way over a map costs a hundredth of a step of a
// few milliseconds.
func (s Step) line() ([]byte, error) {
	line := make([]byte, 0, 128+32*len(s.Scalars))
	line = strconv.AppendInt(append(line, `{"step":`...), int64(s.Step), 10)
	line = strconv.AppendInt(append(line, `,"epoch":`...), int64(s.Epoch), 10)
	add := func(name string, v float64) error {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return fmt.Errorf("expected %s to be a number, found %v", name, v)
		}
		quoted, err := json.Marshal(name)
		line = append(append(append(line, ','), quoted...), ':')
		line = strconv.AppendFloat(line, v, 'g', -1, 64)
		return err
	}
	if err := cmp.Or(add("loss", s.Loss), add("seconds", s.Seconds), add("waiting", s.Waiting)); err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(s.Scalars)) {
		if err := add(name, s.Scalars[name]); err != nil {
			return nil, err
		}
	}
	return append(line, '}', '\n'), nil
}

// flushMetrics makes sure that what was recorded is on the disk, and says how many bytes that is.
func (r *Run) flushMetrics() (int64, error) {
	if err := r.metrics.flush(); err != nil {
		return 0, err
	}
	if err := r.metrics.file.Sync(); err != nil {
		return 0, fmt.Errorf("cannot write the run's metrics: %w", err)
	}
	info, err := r.metrics.file.Stat()
	if err != nil {
		return 0, fmt.Errorf("cannot write the run's metrics: %w", err)
	}
	return info.Size(), nil
}

// cutMetrics forgets the metrics behind the first size bytes.
func (r *Run) cutMetrics(size int64) error {
	err := r.metrics.flush()
	if err != nil {
		return err
	}
	info, err := r.metrics.file.Stat()
	if err == nil && info.Size() < size {
		err = fmt.Errorf("expected %d bytes, as its checkpoint says, found %d", size, info.Size())
	}
	if err == nil {
		err = r.metrics.file.Truncate(size)
	}
	if err != nil {
		return fmt.Errorf("cannot go on with the run's metrics in %s: %w", r.Path(metricsFile), err)
	}
	return nil
}

// Metrics reads metrics.jsonl: one map a recorded step. A last line that was cut short is left out.
func (r *Run) Metrics() ([]map[string]float64, error) {
	if r.metrics != nil { // of a run that is under way in this process
		if err := r.metrics.flush(); err != nil {
			return nil, err
		}
	}
	data, err := os.ReadFile(r.Path(metricsFile))
	if err != nil {
		return nil, fmt.Errorf("cannot read the run's metrics: %w", err)
	}
	var steps []map[string]float64
	for line := range strings.Lines(string(data)) {
		var step map[string]float64
		if err := json.Unmarshal([]byte(line), &step); err != nil {
			if !strings.HasSuffix(line, "\n") {
				break
			}
			return nil, fmt.Errorf("%s, line %d is damaged: %w", r.Path(metricsFile), len(steps)+1, err)
		}
		steps = append(steps, step)
	}
	return steps, nil
}
