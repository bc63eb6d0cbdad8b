package export

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/history"
	"github.com/glimpse-ml/glimpse/internal/atomicfile"
)

// TensorBoard writes the curves of a run, and its results at the last step as results/NAME, as scalars of an event file into the folder
// name below dir: TensorBoard shows the folders below one dir as runs beside each other. A folder with the events of another run is
// an error, because the curves would be mixed. It returns the file.
func TensorBoard(run *experiments.Run, dir, name string) (string, error) {
	lines, err := history.Recorded(run)
	if err != nil {
		return "", err
	}
	entry, _ := history.Read(run)
	folder := filepath.Join(dir, name)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", fmt.Errorf("cannot make the folder of an export: %w", err)
	}
	started := run.Manifest.Started
	path := filepath.Join(folder, fmt.Sprintf("events.out.tfevents.%d.glimpse", started.Unix()))
	if err := checkFree(folder, filepath.Base(path)); err != nil {
		return "", err
	}
	err = atomicfile.Write(path, func(w io.Writer) error {
		buffered := bufio.NewWriter(w)
		record(buffered, event(started, 0, versionField, []byte("brain.Event:2")))
		for _, line := range lines {
			scalars := maps.Clone(line)
			delete(scalars, "step")
			delete(scalars, "seconds")
			record(buffered, scalarEvent(timeOf(run, line), int64(line["step"]), scalars))
		}
		if len(entry.Metrics) > 0 {
			results := map[string]float64{}
			for name, v := range entry.Metrics {
				results["results/"+name] = v
			}
			end := started.Add(time.Duration(entry.Seconds * float64(time.Second)))
			record(buffered, scalarEvent(end, int64(entry.Step), results))
		}
		return buffered.Flush()
	})
	return path, err
}

// timeOf is when a step was recorded.
func timeOf(run *experiments.Run, line map[string]float64) time.Time {
	return run.Manifest.Started.Add(time.Duration(line["seconds"] * float64(time.Second)))
}

// checkFree is an error when there are events of another run in a folder.
func checkFree(folder, name string) error {
	files, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("cannot look into the folder of an export: %w", err)
	}
	for _, f := range files {
		if strings.HasPrefix(f.Name(), "events.out.tfevents.") && f.Name() != name {
			return fmt.Errorf("expected a folder without the events of another run, found %s; export into another folder", filepath.Join(folder, f.Name()))
		}
	}
	return nil
}

// Fields of the messages Event, Summary and Summary.Value (tensorflow/core/util/event.proto, core/framework/summary.proto).
const (
	wallTimeField = 1 // of Event: double, seconds since 1970
	stepField     = 2 // of Event: int64
	versionField  = 3 // of Event: string, in the first record
	summaryField  = 5 // of Event: Summary
	valueField    = 1 // of Summary: Value, repeated
	tagField      = 1 // of Value: string
	simpleField   = 2 // of Value: float
)

// event is an Event with one more field than its time and its step.
func event(at time.Time, step int64, field protowire.Number, content []byte) []byte {
	seconds := float64(at.Unix()) + float64(at.Nanosecond())/1e9
	m := protowire.AppendTag(nil, wallTimeField, protowire.Fixed64Type)
	m = protowire.AppendFixed64(m, math.Float64bits(seconds))
	if step != 0 { // the default is left out
		m = protowire.AppendTag(m, stepField, protowire.VarintType)
		m = protowire.AppendVarint(m, uint64(step))
	}
	m = protowire.AppendTag(m, field, protowire.BytesType)
	return protowire.AppendBytes(m, content)
}

// scalarEvent is an Event with a summary of scalars, in the order of their names.
func scalarEvent(at time.Time, step int64, scalars map[string]float64) []byte {
	var summary []byte
	for _, name := range slices.Sorted(maps.Keys(scalars)) {
		value := protowire.AppendTag(nil, tagField, protowire.BytesType)
		value = protowire.AppendString(value, name)
		value = protowire.AppendTag(value, simpleField, protowire.Fixed32Type)
		value = protowire.AppendFixed32(value, math.Float32bits(float32(scalars[name])))
		summary = protowire.AppendTag(summary, valueField, protowire.BytesType)
		summary = protowire.AppendBytes(summary, value)
	}
	return event(at, step, summaryField, summary)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// masked is the checksum of a record's parts, changed so that the checksum of bytes that hold checksums stays a good one
// (tensorflow/core/lib/hash/crc32c.h).
func masked(data []byte) uint32 {
	crc := crc32.Checksum(data, castagnoli)
	return (crc>>15 | crc<<17) + 0xa282ead8
}

// record writes a TFRecord: length, its checksum, data, their checksum. The buffer keeps the first error.
func record(w *bufio.Writer, data []byte) {
	head := binary.LittleEndian.AppendUint64(nil, uint64(len(data)))
	w.Write(binary.LittleEndian.AppendUint32(head, masked(head)))
	w.Write(data)
	w.Write(binary.LittleEndian.AppendUint32(nil, masked(data)))
}
