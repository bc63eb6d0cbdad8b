package runpage

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/glimpse-ml/glimpse/experiments"
)

const evil = `<script>alert("1")</script>'&`

// write makes a run folder whose every text tries to be markup.
func write(t *testing.T, dir string, seed int64, files map[string]string) *experiments.Run {
	t.Helper()
	config, err := json.Marshal(map[string]any{"data": evil, evil: 1, "train": map[string]any{"steps": 100}})
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := json.Marshal(experiments.Manifest{
		Format: 1, Experiment: "captioner" + evil, Form: experiments.Quick, Config: config, Seed: seed,
		Started: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), Backend: evil, Commit: evil, Machine: evil,
		Command: []string{"glimpse", evil, "a b", ""}, Versions: map[string]string{"go" + evil: evil},
		Attempts: []experiments.Attempt{{Started: time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC), Commit: evil, Machine: "another"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{"manifest.json": string(manifest)}
	for name, text := range files {
		all[name] = text
	}
	for name, text := range all {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run, err := experiments.OpenRun(dir)
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// metrics are n recorded steps.
func metrics(n int) string {
	var lines strings.Builder
	for i := range n {
		fmt.Fprintf(&lines, `{"step":%d,"epoch":0,"loss":%g,%q:1,"seconds":%d,"waiting":0}`+"\n", i+1, 3/float64(i+1), evil, i)
	}
	return lines.String()
}

func results(t *testing.T) string {
	t.Helper()
	data, err := json.Marshal(experiments.Result{Seconds: 61, Used: experiments.Used{Processor: 70, Peak: 3 << 29}, Remarks: []string{"a remark " + evil},
		Metrics: map[string]float64{"heldout": 0.5, "heldout_low": 0.25, "heldout_high": 0.75, "heldout_n": 40, evil: 1}})
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// read reads a page and checks what holds for every page: nothing runs, nothing is fetched, no text became markup.
func readPage(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	if strings.Contains(text, "<script") || strings.Contains(text, "ZgotmplZ") {
		t.Error("the page holds a script, or something that was thought to be unsafe")
	}
	for _, m := range regexp.MustCompile(`(?:src|href|url)\s*[=(]\s*"?([^"\s>]{0,40})`).FindAllStringSubmatch(text, -1) {
		if !strings.HasPrefix(m[1], "data:image/") && !strings.HasPrefix(m[1], "plots/") {
			t.Errorf("the page fetches %q", m[1])
		}
	}
	return text
}

func expect(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("the page does not say %q", part)
		}
	}
}

const dot = `<svg xmlns="http://www.w3.org/2000/svg" width="1" height="1"/>`

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mine"+strings.ReplaceAll(evil, "/", "|"))
	run := write(t, dir, 3, map[string]string{
		"metrics.jsonl": metrics(30), "results.json": results(t), "model/model.safetensors": "12345",
		"plots/b.svg": dot, "plots/a.png": "a picture", "plots/large.png": strings.Repeat("x", largest+1), "plots/c.txt": "no picture",
		"plots/figures.json": `[{"file":"b.svg","title":"Title ` + strings.ReplaceAll(evil, `"`, `\"`) + `","caption":"Caption"},{"file":"gone.png"},{"file":"../manifest.json"}]`,
	})
	for range 2 { // the page of before is no part of the second
		if err := Write(run); err != nil {
			t.Fatal(err)
		}
	}
	text := readPage(t, run.Path(Name))
	safe := template.HTMLEscapeString
	expect(t, text, safe("mine"+strings.ReplaceAll(evil, "/", "|")), safe("captioner"+evil), "seed 3", "complete, took 1m1s", "70.0 s of processor time, at most 1.5 GiB of memory", safe("a remark "+evil),
		`<td>heldout</td><td class="n">0.5</td><td class="n">0.25 to 0.75</td><td class="n">40</td>`,
		"From 3 to 0.1 at step 30, least 0.1, greatest 3", safe("go"+evil), "2026-11-01 12:00 UTC",
		"<td>resumed</td><td class=\"long\">2026-11-02 12:00 UTC on another, commit "+safe(evil), "This page was written 20",
		`<td>train.steps</td><td class="long"><code>100</code></td>`,
		safe(`glimpse '<script>alert("1")</script>'\''&' 'a b' ''`), "<details><summary>9 files", "model/model.safetensors",
		`<a href="plots/large.png">`, "data:image/png;base64,"+base64.StdEncoding.EncodeToString([]byte("a picture")),
		"<b>Title "+safe(evil)+".</b> Caption", "width=device-width", "prefers-color-scheme: dark")
	if n := strings.Count(text, `<img class="drawn"`); n != 2 {
		t.Errorf("expected 2 curves, found %d", n)
	}
	if first, second := strings.Index(text, "<b>Title"), strings.Index(text, "<b>a.png"); first < 0 || second < first {
		t.Error("pictures with titles do not come first")
	}
	if strings.Contains(text, "gone.png") || strings.Contains(text, "<p class=\"remark\">cannot") {
		t.Error("the page speaks of a picture that is not there, or of a problem")
	}
}

// A page is written of runs that were stopped or whose files are damaged, and says so.
func TestWriteOfStoppedRuns(t *testing.T) {
	cut := write(t, t.TempDir(), 1, map[string]string{"metrics.jsonl": metrics(5) + `{"step":6,"lo`,
		"log.txt": strings.Repeat("an old line\n", 3000) + "a line " + evil + "\n"})
	if err := Write(cut); err != nil {
		t.Fatal(err)
	}
	expect(t, readPage(t, cut.Path(Name)), "stopped at step 5 of 100", "None: the run is not complete.", "at step 5, least", "<code>glimpse resume "+cut.Dir+"</code> goes on with it",
		"an old line\na line "+template.HTMLEscapeString(evil)+"\n</pre>")

	damaged := write(t, t.TempDir(), 1, map[string]string{"metrics.jsonl": metrics(2) + "no JSON\n" + metrics(1), "results.json": "{"})
	if err := Write(damaged); err != nil {
		t.Fatal(err)
	}
	expect(t, readPage(t, damaged.Path(Name)), "results.json is damaged", "line 3 is damaged", "No step was recorded.")

	empty := write(t, t.TempDir(), 1, nil)
	if err := Write(empty); err != nil {
		t.Fatal(err)
	}
	expect(t, readPage(t, empty.Path(Name)), "stopped before its first recorded step", "No step was recorded.")
}

func TestWriteComparison(t *testing.T) {
	dir := t.TempDir()
	var runs []*experiments.Run
	for i := range 3 {
		files := map[string]string{"metrics.jsonl": metrics(10 + i)}
		if i < 2 {
			files["results.json"] = results(t)
		}
		runs = append(runs, write(t, filepath.Join(dir, fmt.Sprintf("run-%d", i)), int64(i), files))
	}
	page := filepath.Join(dir, "page.html")
	if err := WriteComparison(runs, page, nil); err != nil {
		t.Fatal(err)
	}
	text := readPage(t, page)
	expect(t, text, "3 runs compared", "<th>run-0</th><th>run-1</th><th>run-2</th>", "<td>heldout</td><td>0.5 (0.25 to 0.75)</td><td>0.5 (0.25 to 0.75)</td><td>not complete</td>",
		"<td>seed</td>", "The mean of 2 complete runs", "stopped at step 12 of 100", "Runs that differ in their seed alone are one curve")
	if n := strings.Count(text, `<img class="drawn"`); n != 2 {
		t.Errorf("expected 2 figures, found %d", n)
	}
	for name, start := range map[string]string{"loss.svg": "<?xml", "loss.png": "\x89PNG"} {
		path := filepath.Join(dir, name)
		if err := WriteComparison(runs, path, []string{"loss"}); err != nil {
			t.Fatal(err)
		}
		if data, err := os.ReadFile(path); err != nil || !strings.HasPrefix(string(data), start) {
			t.Errorf("%s: %v %.20q", name, err, data)
		}
	}
	for _, wrong := range []struct {
		out   string
		names []string
		says  string
	}{
		{"x.pdf", nil, "ends in .html, .svg or .png"}, {"x.svg", []string{"loss", evil}, "expected one metric for a picture, found 2"},
		{"x.html", []string{"los"}, "expected one of the recorded metrics loss"},
	} {
		if err := WriteComparison(runs, filepath.Join(dir, wrong.out), wrong.names); err == nil || !strings.Contains(err.Error(), wrong.says) {
			t.Errorf("%s %v: %v", wrong.out, wrong.names, err)
		}
	}
}

// Where the first trainings of two seeds ended at different steps, the second ones have no step in common: the other curves are drawn.
func TestComparisonOfSeedsWithoutACommonStep(t *testing.T) {
	dir := t.TempDir()
	var runs []*experiments.Run
	for i := range 2 {
		second := fmt.Sprintf(`{"step":1,"loss":1,"a reward":2,"z":1}`+"\n"+`{"step":%d,"loss":1,"z":1}`+"\n", 30)
		runs = append(runs, write(t, filepath.Join(dir, fmt.Sprintf("run-%d", i)), int64(i), map[string]string{
			"metrics.jsonl": strings.ReplaceAll(metrics(10+i), `"waiting":0`, `"z":1`) + second}))
	}
	page := filepath.Join(dir, "page.html")
	if err := WriteComparison(runs, page, []string{"a reward", "z"}); err != nil {
		t.Fatal(err)
	}
	text := readPage(t, page)
	if n := strings.Count(text, `<img class="drawn"`); n != 1 || !strings.Contains(text, `alt="z of all runs`) {
		t.Errorf("expected the figure of z, found %d", n)
	}
}
