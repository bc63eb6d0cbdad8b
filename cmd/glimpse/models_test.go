package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"image"
	"image/png"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/datasets/scenes"
)

// shared is a folder with small trained models and the pictures they were measured on, made once for all tests:
//
//	clip, captioner       runs of the quick forms with a few steps
//	captioned, classes    some Scenes that both were measured on: captions beside the pictures, folders of classes
//	pictures              good and bad pictures
var shared struct {
	sync.Mutex
	dir string
}

// cleaning removes the shared folder once all tests have run.
type cleaning struct{ testscript.TestingM }

func (c cleaning) Run() int {
	defer func() {
		if shared.dir != "" {
			os.RemoveAll(shared.dir)
		}
	}()
	return c.TestingM.Run()
}

// sharedFolder makes the shared folder when it is first asked for.
func sharedFolder() (string, error) {
	shared.Lock()
	defer shared.Unlock()
	if shared.dir != "" {
		return shared.dir, nil
	}
	dir, err := os.MkdirTemp("", "glimpse-test-")
	if err != nil {
		return "", err
	}
	for _, args := range [][]string{
		{"train", "clip", "--quick", "--set", "train.steps=3", "--set", "limit=64", "--set", "batch_size=32", "--out", "clip"},
		{"train", "captioner", "--quick", "--set", "train.steps=3", "--set", "pictures=64", "--set", "held_out=100",
			"--set", "held_out_texts=9", "--set", "ablation=false", "--set", "examples=2", "--out", "captioner"},
	} {
		if out := command(dir, args...); out.code != 0 {
			return "", fmt.Errorf("glimpse %s: %s", strings.Join(args, " "), out.stderr)
		}
	}
	if err := drawShared(dir); err != nil {
		return "", err
	}
	shared.dir = dir
	return dir, nil
}

// output is what a command left behind.
type output struct {
	stdout, stderr string
	code           int
}

// command runs glimpse (the test binary) in a folder, with pure Go as the backend.
func command(dir string, args ...string) output {
	cmd := prepared(dir, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run()
	return output{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

func prepared(dir string, args ...string) *exec.Cmd {
	cmd := exec.Command("glimpse", args...) // testscript.Main put the test binary there
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOMLX_BACKEND=go", "GLIMPSE_DATA="+dir, "XDG_CACHE_HOME="+filepath.Join(dir, "cache"))
	return cmd
}

// useModels is the script command that makes the shared folder known: $CLIP, $CAPTIONER, $CAPTIONED, $CLASSES, and a
// copy of its pictures.
func useModels(ts *testscript.TestScript, _ bool, _ []string) {
	dir, err := sharedFolder()
	ts.Check(err)
	for _, name := range []string{"clip", "captioner", "captioned", "classes"} {
		ts.Setenv(strings.ToUpper(name), filepath.Join(dir, name))
	}
	ts.Check(os.CopyFS(ts.MkAbs("pictures"), os.DirFS(filepath.Join(dir, "pictures"))))
}

// heldOutScenes are what the quick form of clip is measured on.
func heldOutScenes() (*scenes.Scenes, error) {
	single := scenes.Single()
	single.Seed, single.Split, single.Count = 1, scenes.Test, 1000
	return scenes.New(single)
}

// drawShared writes held-out Scenes of the quick forms in two layouts, and pictures of all kinds.
func drawShared(dir string) error {
	ofClasses, err := heldOutScenes()
	if err != nil {
		return err
	}
	pairs := scenes.Pairs()
	pairs.Seed, pairs.Split, pairs.Count, pairs.Size = 1, scenes.Test, 100, 32
	captioned, err := scenes.New(pairs)
	if err != nil {
		return err
	}
	if err := writeExamplesTo(filepath.Join(dir, "classes", "test"), datasets.Limit(ofClasses, 100), true); err != nil {
		return err
	}
	if err := writeExamplesTo(filepath.Join(dir, "captioned", "pairs", "test"), captioned, false); err != nil {
		return err
	}
	if err := writeExamplesTo(filepath.Join(dir, "captioned", "single", "test"), datasets.Limit(ofClasses, 200), false); err != nil {
		return err
	}
	return writePicturesOfAllKinds(filepath.Join(dir, "pictures"))
}

// writeExamplesTo writes pictures into folders of their classes, or with their captions beside them.
func writeExamplesTo(dir string, set datasets.Dataset, byClass bool) error {
	for i := range set.Len() {
		e := set.At(i)
		folder := dir
		if byClass {
			folder = filepath.Join(dir, strings.ReplaceAll(e.Label, " ", "_"))
		}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		img, err := e.Open()
		if err != nil {
			return err
		}
		if err := writePNG(filepath.Join(folder, e.ID+".png"), img); err != nil {
			return err
		}
		if byClass {
			continue
		}
		if err := os.WriteFile(filepath.Join(folder, e.ID+".txt"), []byte(strings.Join(e.Captions, "\n")), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func writePNG(path string, img image.Image) error {
	var buf bytes.Buffer
	if err := png.Encode(&buf, img); err != nil {
		return err
	}
	return os.WriteFile(path, buf.Bytes(), 0o644)
}

func writePicturesOfAllKinds(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, size := range map[string]image.Point{"good.png": {64, 48}, "wide.png": {20_000, 9}, "panorama.png": {20_000, 1000}, "one.png": {1, 1}} {
		img := image.NewGray(image.Rectangle{Max: size})
		for i := range img.Pix {
			img.Pix[i] = uint8(i * 7)
		}
		if err := writePNG(filepath.Join(dir, name), img); err != nil {
			return err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "text.jpg"), []byte("this is no picture"), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "bomb.png"), bombPNG(30_000, 30_000), 0o644)
}

// bombPNG is a PNG's header that promises more pixels than may be decoded.
func bombPNG(w, h uint32) []byte {
	chunk := binary.BigEndian.AppendUint32([]byte("IHDR"), w)
	chunk = append(binary.BigEndian.AppendUint32(chunk, h), 8, 2, 0, 0, 0)
	data := binary.BigEndian.AppendUint32([]byte("\x89PNG\r\n\x1a\n"), 13)
	data = append(data, chunk...)
	return binary.BigEndian.AppendUint32(data, crc32.ChecksumIEEE(chunk))
}

// decodeJSON reads the last line of standard output.
func decodeJSON(t *testing.T, out output, into any) {
	t.Helper()
	if out.code != 0 {
		t.Fatalf("exit code %d: %s", out.code, out.stderr)
	}
	lines := strings.Split(strings.TrimSpace(out.stdout), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), into); err != nil {
		t.Fatalf("%v in %q", err, out.stdout)
	}
}

// What eval measures on the held-out pictures, written to disk and read again, is what training measured on them.
func TestEvalAgreesWithTraining(t *testing.T) {
	dir, err := sharedFolder()
	if err != nil {
		t.Fatal(err)
	}
	var clipRun, captionerRun shownRun
	decodeJSON(t, command(dir, "runs", "show", "clip", "--json"), &clipRun)
	decodeJSON(t, command(dir, "runs", "show", "captioner", "--json"), &captionerRun)
	same := func(what string, got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 1e-6 || math.IsNaN(got) || want == 0 {
			t.Errorf("%s: eval found %v, training found %v", what, got, want)
		}
	}
	type share struct {
		Value, Low, High float64
		N                int
	}
	agree := func(what string, got share, metrics map[string]float64, name string) {
		t.Helper()
		same(what, got.Value, metrics[name])
		same(what+"_low", got.Low, metrics[name+"_low"])
		same(what+"_high", got.High, metrics[name+"_high"])
		same(what+"_n", float64(got.N), metrics[name+"_n"])
	}
	var zeroShot struct {
		Top1, Top5 share
		Mean       share   `json:"mean_per_class"`
		PerClass   []share `json:"per_class"`
		Classes    []string
		LeftOut    int `json:"left_out"`
		N          int
	}
	set, err := heldOutScenes()
	if err != nil {
		t.Fatal(err)
	}
	all := t.TempDir()
	if err := writeExamplesTo(filepath.Join(all, "test"), set, true); err != nil {
		t.Fatal(err)
	}
	decodeJSON(t, command(dir, "eval", "zeroshot", "--model", "clip", "--data", all, "--least", "20", "--json"), &zeroShot)
	agree("zeroshot_top1", zeroShot.Top1, clipRun.Metrics, "zeroshot_top1")
	mean := 0.0
	for _, c := range zeroShot.PerClass {
		mean += c.Value / float64(len(zeroShot.Classes))
	}
	same("mean_per_class", zeroShot.Mean.Value, mean)
	if zeroShot.LeftOut+zeroShot.N != 1000 || zeroShot.Top5.Value < zeroShot.Top1.Value || zeroShot.Mean.Low > mean || zeroShot.Mean.High < mean {
		t.Errorf("got %+v", zeroShot)
	}
	var retrieval struct {
		ImageToText map[string]share `json:"image_to_text"`
		TextToImage map[string]share `json:"text_to_image"`
		Images      int
	}
	decodeJSON(t, command(dir, "eval", "retrieval", "--model", "clip", "--data", "captioned/single", "--json"), &retrieval)
	for _, k := range []string{"recall@5", "recall@10"} {
		agree("image_to_text_"+k, retrieval.ImageToText[k], clipRun.Metrics, "image_to_text_"+k)
		agree("text_to_image_"+k, retrieval.TextToImage[k], clipRun.Metrics, "text_to_image_"+k)
	}
	var captions struct {
		Loss     share `json:"heldout_loss"`
		Images   int
		Examples []captionExample
	}
	decodeJSON(t, command(dir, "eval", "captions", "--model", "captioner", "--data", "captioned/pairs", "--json"), &captions)
	agree("heldout_loss", captions.Loss, captionerRun.Metrics, "heldout_loss")
	if len(captions.Examples) != 5 || captions.Examples[0].File != "test-1-000000.png" || len(captions.Examples[0].Human) == 0 {
		t.Errorf("got the examples %+v", captions.Examples)
	}
}

// A run that is stopped keeps its folder, has no results, and says so.
func TestStoppedRun(t *testing.T) {
	dir := t.TempDir()
	cmd := prepared(dir, "train", "captioner", "--quick", "--set", "pictures=64", "--set", "train.steps=100000", "--out", "run")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 600 {
		if data, _ := os.ReadFile(filepath.Join(dir, "run", "metrics.jsonl")); len(data) > 0 {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitStopped || stdout.Len() != 0 || !strings.Contains(stderr.String(), "glimpse: the run was stopped and can be resumed; `glimpse resume run` goes on with it") {
		t.Errorf("exit code %d, it said %q", code, stderr.String())
	}
	if _, err := os.Stat(filepath.Join(dir, "run", "results.json")); err == nil {
		t.Error("a stopped run has results")
	}
	var s shownRun
	decodeJSON(t, command(dir, "runs", "show", "run", "--json"), &s)
	if s.Complete || s.Step < 1 || s.Metrics != nil || s.Experiment != "captioner" || s.Seed != 1 {
		t.Errorf("runs show says %+v", s)
	}
}
