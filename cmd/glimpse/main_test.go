package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/internal/backend"
	"github.com/glimpse-ml/glimpse/internal/safetensors"
)

// The test binary is also the command: in the scripts of testdata/script, and for processes that are killed.
func TestMain(m *testing.M) {
	testscript.Main(cleaning{m}, map[string]func(){"glimpse": main})
}

// Each script is one story of a user, in a folder and a home of its own, with pure Go as the backend.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			library := backend.FindONNXRuntime()
			for name, value := range map[string]string{
				"HOME": env.WorkDir, "XDG_CACHE_HOME": filepath.Join(env.WorkDir, "cache"), "GOMLX_BACKEND": "go", "GLIMPSE_DATA": "",
				"PJRT_PLUGIN_LIBRARY_PATH": "", backend.LibraryPathEnv: "", "REAL_ONNXRUNTIME": library,
			} {
				env.Setenv(name, value)
			}
			return writeExamples(env.WorkDir)
		},
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "root":
				return os.Geteuid() == 0, nil
			case "onnx":
				return backend.HasONNX && backend.FindONNXRuntime() != "", nil
			case "built-with-onnx":
				return backend.HasONNX, nil
			case "devfull":
				return haveFullDevice(t), nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"json": checkJSON, "exit": checkExit, "sentence": checkSentence, "tensors": listTensors,
			"models": useModels,
		},
	})
}

// haveFullDevice says whether a script can have a device without room: root must be able to make one of its own.
func haveFullDevice(t *testing.T) bool {
	if os.Geteuid() != 0 {
		_, err := os.Stat("/dev/full")
		return err == nil
	}
	path := filepath.Join(t.TempDir(), "full")
	if exec.Command("mknod", path, "c", "1", "7").Run() != nil {
		return false
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		f.Close()
	}
	return err == nil
}

// writeExamples puts small inputs for attend and loss, and a small data set, into a script's folder.
func writeExamples(dir string) error {
	if err := writePictures(filepath.Join(dir, "tiny")); err != nil {
		return err
	}
	ramp := func(shape ...int) safetensors.Tensor {
		n := 1
		for _, d := range shape {
			n *= d
		}
		values := make([]float32, n)
		for i := range values {
			values[i] = float32(i%7) - 3
		}
		return safetensors.FromFloat32s(values, shape...)
	}
	attend := map[string]safetensors.Tensor{"a": ramp(2, 3, 4), "h": ramp(2, 5), "W_a": ramp(6, 4), "W_h": ramp(6, 5), "b": ramp(6), "v": ramp(6)}
	loss := map[string]safetensors.Tensor{"image_embeddings": ramp(3, 4), "text_embeddings": ramp(3, 4), "logit_scale": ramp(), "logit_bias": ramp()}
	if err := safetensors.Write(filepath.Join(dir, "attend.safetensors"), attend, nil); err != nil {
		return err
	}
	if err := safetensors.Write(filepath.Join(dir, "loss.safetensors"), loss, nil); err != nil {
		return err
	}
	attend["W_a"] = ramp(6, 3)
	return safetensors.Write(filepath.Join(dir, "misfit.safetensors"), attend, nil)
}

// writePictures makes folders of classes with a picture each, such as CIFAR-10's.
func writePictures(dir string) error {
	for _, class := range []string{"train/cat", "train/dog", "test/cat", "test/dog"} {
		if err := os.MkdirAll(filepath.Join(dir, class), 0o755); err != nil {
			return err
		}
		f, err := os.Create(filepath.Join(dir, class, "one.png"))
		if err != nil {
			return err
		}
		if err := png.Encode(f, image.NewRGBA(image.Rect(0, 0, 5, 4))); err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

// json checks that standard output of the last command is one JSON object (or array) on one line that has the
// named keys: json key...
func checkJSON(ts *testscript.TestScript, neg bool, keys []string) {
	line, rest, _ := strings.Cut(ts.ReadFile("stdout"), "\n")
	if rest != "" {
		ts.Fatalf("expected one line, got more: %q", rest)
	}
	var value any
	if err := json.Unmarshal([]byte(line), &value); err != nil {
		ts.Fatalf("no JSON: %v", err)
	}
	if list, ok := value.([]any); ok && len(list) > 0 {
		value = list[0]
	}
	object, ok := value.(map[string]any)
	if !ok {
		ts.Fatalf("expected an object, got %s", line)
	}
	for _, key := range keys {
		if _, found := object[key]; found == neg {
			ts.Fatalf("key %q: found is %v in %s", key, found, line)
		}
	}
}

// exit runs a command and checks its exit code: exit CODE COMMAND ARG...
func checkExit(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exit CODE COMMAND ARG...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		code = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if fmt.Sprint(code) != args[0] {
		ts.Fatalf("exit code %d, expected %s", code, args[0])
	}
}

// sentence checks that standard error of the last command is one "glimpse: " line without a stack trace that
// holds each of the arguments.
func checkSentence(ts *testscript.TestScript, neg bool, parts []string) {
	text := ts.ReadFile("stderr")
	if strings.Count(text, "\n") != 1 || !strings.HasPrefix(text, "glimpse: ") || strings.Contains(text, ".go:") || strings.Contains(text, "goroutine") {
		ts.Fatalf("expected one line of glimpse, got:\n%s", text)
	}
	for _, part := range parts {
		if strings.Contains(text, part) == neg {
			ts.Fatalf("%q in %q: expected %v", part, text, !neg)
		}
	}
}

// tensors checks the names and shapes in a file: tensors FILE NAME[shape]...
func listTensors(ts *testscript.TestScript, _ bool, args []string) {
	file, err := safetensors.Load(ts.MkAbs(args[0]))
	ts.Check(err)
	var got []string
	for _, name := range file.Names() {
		got = append(got, strings.ReplaceAll(fmt.Sprintf("%s%v", name, file.Tensors[name].Shape), " ", ","))
	}
	if fmt.Sprint(got) != fmt.Sprint(args[1:]) {
		ts.Fatalf("got %v, expected %v", got, args[1:])
	}
}

func TestSentence(t *testing.T) {
	for text, want := range map[string]string{
		"one line":            "one line",
		"expected a\n\tand b": "expected a and b",
		"shapes differ\ngoroutine 7 [running]:\nmain.main()":         "shapes differ",
		"bad\ngithub.com/gomlx/gomlx/core/graph.Add\n\t/x/ops.go:12": "bad",
		"cannot read /home/me/a.go: no such file":                    "cannot read /home/me/a.go: no such file",
		"\n \n": "something failed without saying what; GLIMPSE_DEBUG=1 may show more",
	} {
		if got := sentence(errors.New(text)); got != want {
			t.Errorf("sentence(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestPanicsBecomeOneSentence(t *testing.T) {
	root := &cobra.Command{Use: "glimpse", SilenceErrors: true, SilenceUsage: true}
	root.AddCommand(&cobra.Command{Use: "boom", RunE: func(*cobra.Command, []string) error {
		var none []int
		_ = none[len(os.Args)+3]
		return nil
	}})
	var stderr bytes.Buffer
	err := execute(t.Context(), root, []string{"boom"}, nil, io.Discard, &stderr)
	if err == nil || !strings.HasPrefix(err.Error(), "internal error: runtime error: index out of range") || stderr.Len() != 0 {
		t.Errorf("got %v and %q on standard error", err, stderr.String())
	}
	t.Setenv("GLIMPSE_DEBUG", "1")
	_ = execute(t.Context(), root, []string{"boom"}, nil, io.Discard, &stderr)
	if !strings.Contains(stderr.String(), "main_test.go:") {
		t.Errorf("GLIMPSE_DEBUG=1 shows no trace: %q", stderr.String())
	}
}

// The first signal ends the context of the command, which ends with 128 + the signal's number.
func TestSignals(t *testing.T) {
	dir := t.TempDir()
	// An npm that never comes back makes backend install wait.
	npm := filepath.Join(dir, "npm")
	started := filepath.Join(dir, "started")
	if err := os.WriteFile(npm, []byte("#!/bin/sh\ntouch "+started+"\nexec sleep 30\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if !backend.HasONNX {
		t.Skip("built without ONNX Runtime, there is nothing to wait for")
	}
	for signal, code := range map[os.Signal]int{os.Interrupt: 130, syscall.SIGTERM: 143} {
		os.Remove(started)
		glimpse, err := exec.LookPath("glimpse") // testscript.Main put the test binary there
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(glimpse, "backend", "install")
		cmd.Env = []string{"HOME=" + dir, "PATH=" + dir + ":/usr/bin:/bin"}
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for range 500 {
			if _, err := os.Stat(started); err == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != code || stdout.Len() != 0 {
			t.Errorf("%v: exit code %d, expected %d; it said %q", signal, got, code, stderr.String())
		}
		if !strings.Contains(stderr.String(), "stopping") || strings.Contains(stderr.String(), "npm pack") {
			t.Errorf("%v: it said %q", signal, stderr.String())
		}
	}
}

// A training that is stopped before its first step says that nothing is left.
func TestStopBeforeTheFirstStep(t *testing.T) {
	t.Setenv("GOMLX_BACKEND", "go")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	out := filepath.Join(t.TempDir(), "run")
	err := execute(ctx, newRoot(), []string{"train", "captioner", "--quick", "--set", "pictures=8", "--set", "held_out=4", "--out", out}, nil, io.Discard, io.Discard)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "nothing is left of it") {
		t.Errorf("found %v", err)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("the folder is still there")
	}
}

// A training that gets SIGTERM saves itself and ends within ten seconds with an exit code of its own; resumed it ends well.
func TestStopAndResume(t *testing.T) {
	glimpse, err := exec.LookPath("glimpse")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	call := func(args ...string) (*exec.Cmd, *bytes.Buffer) {
		cmd, stderr := exec.Command(glimpse, args...), &bytes.Buffer{}
		cmd.Dir, cmd.Stderr = dir, stderr
		cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CACHE_HOME="+dir, "GOMLX_BACKEND=go", "GLIMPSE_DATA=")
		return cmd, stderr
	}
	cmd, stderr := call("train", "captioner", "--quick", "--out", "run", "--set", "pictures=32", "--set", "held_out=4", "--set", "batch_size=4",
		"--set", "train.steps=40", "--set", "ablation=false")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(5 * time.Millisecond) {
		if info, err := os.Stat(filepath.Join(dir, "run", "metrics.jsonl")); err == nil && info.Size() > 0 {
			break
		}
	}
	told := time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if took := time.Since(told); cmd.ProcessState.ExitCode() != exitStopped || took > 10*time.Second ||
		!strings.Contains(stderr.String(), "can be resumed; `glimpse resume run` goes on with it") {
		t.Fatalf("exit code %d after %v; it said %s", cmd.ProcessState.ExitCode(), took, stderr)
	}
	for range 2 { // the second time there is nothing to do
		cmd, stderr = call("resume", "run", "--json")
		out, err := cmd.Output()
		var result trained
		if err != nil || json.Unmarshal(out, &result) != nil || result.Run != "run" || result.Metrics["heldout_loss_n"] != 4 {
			t.Errorf("resumed: %v, %s; it said %s", err, out, stderr)
		}
	}
}

func TestSecondSignalStopsAtOnce(t *testing.T) {
	if os.Getenv("GLIMPSE_TEST_STUBBORN") == "1" {
		ctx, _, stop := withSignals(io.Discard)
		defer stop()
		fmt.Println("ready")
		<-ctx.Done()
		fmt.Println("first")
		time.Sleep(30 * time.Second)
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestSecondSignalStopsAtOnce$")
	cmd.Env = append(os.Environ(), "GLIMPSE_TEST_STUBBORN=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"ready\n", "first\n"} {
		line := make([]byte, len(word))
		if _, err := io.ReadFull(out, line); err != nil || string(line) != word {
			t.Fatalf("got %q (%v), expected %q", line, err, word)
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 143 || time.Since(start) > 10*time.Second {
		t.Errorf("exit code %d after %v, expected 143 at once", code, time.Since(start))
	}
}

func TestErrorsOfStoppedCommandsAreShown(t *testing.T) {
	if err := fmt.Errorf("stopped after step 12: %w", context.Canceled); !errors.Is(err, context.Canceled) || sentence(err) == context.Canceled.Error() {
		t.Error("an error that says where a run stopped would not be shown")
	}
}

func TestNearestWord(t *testing.T) {
	commands := []string{"doctor", "data", "backend", "attend", "loss"}
	for typed, want := range map[string]string{
		"docter": ", did you mean doctor?", "dat": ", did you mean data?", "atend": ", did you mean attend?", "back": ", did you mean backend?", "xyzzyx": "",
	} {
		if got := didYouMean("", typed, commands); got != want {
			t.Errorf("%q: got %q, want %q", typed, got, want)
		}
	}
}

// Every command says what it does, shows an example, and takes --help.
func TestEveryCommandTeaches(t *testing.T) {
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, child := range cmd.Commands() {
			walk(child)
		}
		if cmd.Short == "" || cmd.RunE == nil {
			t.Errorf("%s has no short description or does nothing", cmd.CommandPath())
		}
		if cmd.HasParent() && cmd.Name() != "help" && cmd.Example == "" {
			t.Errorf("%s has no example", cmd.CommandPath())
		}
		for line := range strings.Lines(cmd.Long + "\n" + cmd.Example) {
			if len(strings.TrimRight(line, "\n")) > 120 {
				t.Errorf("%s: a line of the help is too long: %q", cmd.CommandPath(), line)
			}
		}
	}
	walk(newRoot())
}
