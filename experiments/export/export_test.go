package export

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/glimpse-ml/glimpse/experiments"
)

var started = time.Date(2026, 11, 1, 12, 0, 0, 500_000_000, time.UTC)

// exported makes a run of three recorded steps, with a last line that was cut short, and results if it is to be complete.
func exported(t *testing.T, dir string, complete bool) *experiments.Run {
	t.Helper()
	manifest, err := json.Marshal(experiments.Manifest{
		Format: 1, Experiment: "captioner", Form: experiments.Full, Seed: 7, Started: started, Backend: "go", Commit: "abc+changes", Machine: "m",
		Config:  json.RawMessage(`{"data":"scenes","train":{"lr":0.1},"odd key é/..":[1,2]}`),
		Command: []string{"glimpse", "train", "captioner"}, Versions: map[string]string{"go": "go1.26"},
	})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		"manifest.json": string(manifest),
		"metrics.jsonl": `{"step":1,"epoch":0,"loss":3.5,"seconds":0.25,"waiting":0}` + "\n" +
			`{"step":300,"epoch":1,"loss":2.25,"dev@10":0.1,"seconds":10,"waiting":0.5}` + "\n" + `{"step":400,"lo`,
	}
	if complete {
		files["results.json"] = `{"metrics":{"recall@10":0.4,"recall@10_low":0.3},"seconds":20,"remarks":["one: a","two"]}`
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run, err := experiments.OpenRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// scalar is what a reader finds in an event file.
type scalar struct {
	Wall  float64
	Step  int64
	Tag   string
	Value float32
}

// TensorBoard's reader is in no registry that tests reach, so this one is written after the formats alone, without the code
// under test: it checks every checksum, bit by bit, and every length.
func readEvents(t *testing.T, path string) (version string, scalars []scalar) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for len(data) > 0 {
		if len(data) < 16 {
			t.Fatalf("%d bytes are left", len(data))
		}
		n := binary.LittleEndian.Uint64(data)
		if got, want := binary.LittleEndian.Uint32(data[8:]), mask(crc32c(data[:8])); got != want {
			t.Fatalf("checksum of a length: %08x, expected %08x", got, want)
		}
		body := data[12 : 12+n]
		if got, want := binary.LittleEndian.Uint32(data[12+n:]), mask(crc32c(body)); got != want {
			t.Fatalf("checksum of a record: %08x, expected %08x", got, want)
		}
		data = data[16+n:]
		var wall float64
		var step int64
		for _, f := range fields(t, body) {
			switch f.number {
			case 1:
				wall = math.Float64frombits(f.value)
			case 2:
				step = int64(f.value)
			case 3:
				version = string(f.bytes)
			case 5:
				for _, v := range fields(t, f.bytes) {
					s := scalar{Wall: wall, Step: step}
					for _, part := range fields(t, v.bytes) {
						switch part.number {
						case 1:
							s.Tag = string(part.bytes)
						case 2:
							s.Value = math.Float32frombits(uint32(part.value))
						}
					}
					scalars = append(scalars, s)
				}
			}
		}
	}
	return version, scalars
}

// crc32c is the checksum of Castagnoli, a bit at a time.
func crc32c(data []byte) uint32 {
	crc := ^uint32(0)
	for _, b := range data {
		crc ^= uint32(b)
		for range 8 {
			low := crc & 1
			crc >>= 1
			if low == 1 {
				crc ^= 0x82f63b78
			}
		}
	}
	return ^crc
}

func mask(crc uint32) uint32 { return uint32(uint64(crc>>15|crc<<17) + 0xa282ead8) }

// field is one of a message of protocol buffers.
type field struct {
	number int
	value  uint64 // of a number
	bytes  []byte // of a text or a message
}

func fields(t *testing.T, data []byte) (all []field) {
	t.Helper()
	varint := func() uint64 {
		v, n := binary.Uvarint(data)
		if n <= 0 {
			t.Fatalf("no number at %x", data)
		}
		data = data[n:]
		return v
	}
	for len(data) > 0 {
		key := varint()
		f := field{number: int(key >> 3)}
		switch key & 7 {
		case 0:
			f.value = varint()
		case 1:
			f.value, data = binary.LittleEndian.Uint64(data), data[8:]
		case 2:
			n := varint()
			f.bytes, data = data[:n], data[n:]
		case 5:
			f.value, data = uint64(binary.LittleEndian.Uint32(data)), data[4:]
		default:
			t.Fatalf("a field of type %d", key&7)
		}
		all = append(all, f)
	}
	return all
}

// The first record of every event file is 24 bytes long; its head is known from TensorFlow's own files.
func TestChecksumsAreTensorFlows(t *testing.T) {
	if got := crc32c([]byte("123456789")); got != 0xe3069283 {
		t.Errorf("the reader's checksum is %08x", got) // RFC 3720, B.4
	}
	path, err := TensorBoard(exported(t, filepath.Join(t.TempDir(), "a"), true), t.TempDir(), "a")
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%x", data[:13]); got != "1800000000000000a37f4b2209" {
		t.Errorf("the head of the file is %s", got)
	}
}

func TestTensorBoard(t *testing.T) {
	dir, out := t.TempDir(), t.TempDir()
	path, err := TensorBoard(exported(t, filepath.Join(dir, "mine"), true), out, "mine")
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(out, "mine", fmt.Sprintf("events.out.tfevents.%d.glimpse", started.Unix())); path != want {
		t.Errorf("expected the file %s, found %s", want, path)
	}
	at := float64(started.Unix()) + 0.5
	want := []scalar{
		{at + 0.25, 1, "epoch", 0}, {at + 0.25, 1, "loss", 3.5}, {at + 0.25, 1, "waiting", 0},
		{at + 10, 300, "dev@10", 0.1}, {at + 10, 300, "epoch", 1}, {at + 10, 300, "loss", 2.25}, {at + 10, 300, "waiting", 0.5},
		{at + 20, 300, "results/recall@10", 0.4}, {at + 20, 300, "results/recall@10_low", 0.3},
	}
	version, got := readEvents(t, path)
	if diff := cmp.Diff(want, got); diff != "" || version != "brain.Event:2" {
		t.Errorf("version %q %s", version, diff)
	}

	stopped, err := TensorBoard(exported(t, filepath.Join(dir, "stopped"), false), out, "some/stopped")
	if err != nil {
		t.Fatal(err)
	}
	if _, got := readEvents(t, stopped); len(got) != 7 {
		t.Errorf("a stopped run: %v", got)
	}
	if _, err := TensorBoard(exported(t, filepath.Join(dir, "mine"), true), out, "mine"); err != nil { // again
		t.Fatal(err)
	}
	other := exported(t, filepath.Join(dir, "other"), true)
	other.Manifest.Started = started.Add(time.Hour)
	if _, err := TensorBoard(other, out, "mine"); err == nil || !strings.Contains(err.Error(), "expected a folder without the events of another run") {
		t.Errorf("another run in the same folder: %v", err)
	}
	files, err := os.ReadDir(filepath.Join(out, "mine"))
	if err != nil || len(files) != 1 {
		t.Errorf("after another export: %v, %v", files, err)
	}
}

func TestMLflow(t *testing.T) {
	dir, out := t.TempDir(), filepath.Join(t.TempDir(), "mlruns")
	run := exported(t, filepath.Join(dir, "mine"), true)
	path, err := MLflow(run, out, "mine")
	if err != nil {
		t.Fatal(err)
	}
	id := filepath.Base(path)
	if filepath.Dir(path) != filepath.Join(out, "0") || len(id) != 32 {
		t.Errorf("the run is in %s", path)
	}
	begin, end := started.UnixMilli(), started.Add(20*time.Second).UnixMilli()
	for name, want := range map[string]string{
		"meta.yaml": fmt.Sprintf("artifact_uri: \"file://%s/artifacts\"\nend_time: %d\nentry_point_name: ''\nexperiment_id: '0'\nlifecycle_stage: active\n"+
			"run_id: \"%s\"\nrun_name: \"mine\"\nrun_uuid: \"%s\"\nsource_name: ''\nsource_type: 4\nsource_version: ''\nstart_time: %d\nstatus: 3\ntags: []\nuser_id: ''\n",
			path, end, id, id, begin),
		"../meta.yaml": fmt.Sprintf("artifact_location: \"file://%s/0\"\ncreation_time: %d\nexperiment_id: '0'\nlast_update_time: %d\nlifecycle_stage: active\nname: Default\n",
			out, begin, begin),
		"params/data": "scenes", "params/train.lr": "0.1", "params/seed": "7", "params/odd key _/_": "[1,2]",
		"metrics/loss":                 fmt.Sprintf("%d 3.5 1\n%d 2.25 300\n", begin+250, begin+10_000),
		"metrics/dev_at_10":            fmt.Sprintf("%d 0.1 300\n", begin+10_000),
		"metrics/results/recall_at_10": fmt.Sprintf("%d 0.4 300\n", end),
		"tags/mlflow.runName":          "mine", "tags/mlflow.source.git.commit": "abc", "tags/mlflow.source.name": "glimpse train captioner",
		"tags/mlflow.note.content": "one: a\n\ntwo", "tags/glimpse.version.go": "go1.26",
	} {
		got, err := os.ReadFile(filepath.Join(path, name))
		if diff := cmp.Diff(want, string(got)); diff != "" || err != nil {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
	if _, err := os.Stat(filepath.Join(path, "artifacts", "manifest.json")); err != nil {
		t.Error(err)
	}

	// A stopped run, later completed, stays one run; a store that is there keeps what is in it.
	if err := os.Remove(run.Path("results.json")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(out, "0", "meta.yaml"), []byte("mine: 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	again, err := MLflow(run, out, "mine")
	if err != nil || again != path {
		t.Errorf("another export went to %s, %v", again, err)
	}
	meta, err := os.ReadFile(filepath.Join(path, "meta.yaml"))
	if want := fmt.Sprintf("end_time: %d\n", begin+10_000); err != nil || !strings.Contains(string(meta), "status: 5\n") || !strings.Contains(string(meta), want) {
		t.Errorf("a stopped run: %v %s", err, meta)
	}
	if _, err := os.Stat(filepath.Join(path, "metrics", "results")); err == nil {
		t.Error("results of the earlier export are left")
	}
	if data, err := os.ReadFile(filepath.Join(out, "0", "meta.yaml")); err != nil || string(data) != "mine: 1\n" {
		t.Errorf("the store's experiment was changed: %s, %v", data, err)
	}
	entries, err := os.ReadDir(filepath.Join(out, "0"))
	if err != nil || len(entries) != 2 {
		t.Errorf("the store holds %v, %v", entries, err)
	}
}
