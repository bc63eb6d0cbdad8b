package runpage

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"gonum.org/v1/plot/vg"

	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/experiments/history"
	"github.com/glimpse-ml/glimpse/internal/atomicfile"
	"github.com/glimpse-ml/glimpse/plots"
)

// Name is the file that [Write] writes into a run's folder.
const Name = "report.html"

//go:embed run.html
var runText string

//go:embed style.css
var style string

// page is what run.html shows.
type page struct {
	Style    template.CSS
	Name     string
	Started  string
	Written  string // when the page was
	Entry    history.Entry
	Problems []string
	Figures  []history.Figure
	Curves   []curve
	Pictures []picture
	Settings []pair
	Origin   []pair
	Command  string
	Resume   string // the command that goes on with a run that was stopped
	Files    []history.File
	Bytes    int64
	Log      string // its end
}

type pair struct{ Name, Value string }

// curve is one curve as a picture, with what it says in words.
type curve struct {
	Name, Says string
	Picture    template.URL
}

// Write writes report.html into the folder of a run, complete or not: settings, results with intervals, curves, pictures of
// plots/, where it comes from. Files of the run that are damaged are said on the page. A process that still works on the run, and holds
// its lock, writes a page that calls the run running, unless results.json is there already.
func Write(run *experiments.Run) error {
	p, err := read(run)
	if err != nil {
		return err
	}
	return execute(runText, run.Path(Name), p)
}

func read(run *experiments.Run) (*page, error) {
	entry, problems := history.Read(run)
	p := &page{
		Style: template.CSS(style), Name: history.Names([]*experiments.Run{run})[0], Started: minute(run.Manifest.Started), Written: minute(time.Now().UTC()),
		Entry: entry, Figures: history.Figures(entry.Metrics), Origin: origin(run.Manifest, entry.Used), Command: commandLine(run.Manifest.Command),
	}
	if entry.State == history.Stopped {
		p.Resume = commandLine([]string{"glimpse", "resume", run.Dir})
	}
	lines, err := history.Recorded(run)
	if err != nil {
		problems = append(problems, err)
	}
	for _, c := range history.Curves(lines) {
		drawn, err := draw(c)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		p.Curves = append(p.Curves, drawn)
	}
	settings := experiments.Flat(run.Manifest.Config)
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		p.Settings = append(p.Settings, pair{key, settings[key]})
	}
	if p.Files, err = history.Files(run); err != nil {
		return nil, err
	}
	p.Files = slices.DeleteFunc(p.Files, func(f history.File) bool { return strings.HasPrefix(f.Path, ".") || f.Path == Name })
	p.Bytes = history.Bytes(p.Files)
	p.Pictures, p.Log = pictures(run, p.Files), logOf(run)
	for _, problem := range problems {
		p.Problems = append(p.Problems, problem.Error())
	}
	return p, nil
}

// curveWidth is that of a curve on a phone, and of one in a column on a wider screen: its letters keep their size.
const curveWidth = 340 * 3 / 4 * vg.Length(1)

func draw(c history.Curve) (curve, error) {
	figure, err := history.Draw(c)
	if err != nil {
		return curve{}, fmt.Errorf("the curve %s cannot be drawn: %w", c.Name, err)
	}
	uri, err := plots.SVGDataURI(figure, curveWidth)
	if err != nil {
		return curve{}, fmt.Errorf("the curve %s cannot be drawn: %w", c.Name, err)
	}
	n := history.Number
	says := fmt.Sprintf("%s at step %.0f", n(c.Last()), c.Steps[len(c.Steps)-1])
	if len(c.Steps) > 1 {
		says = fmt.Sprintf("From %s to %s, least %s, greatest %s", n(c.Values[0]), says, n(slices.Min(c.Values)), n(slices.Max(c.Values)))
	}
	return curve{c.Name, says, uri}, nil
}

// origin says what a run was made with and on.
func origin(m experiments.Manifest, used experiments.Used) []pair {
	pairs := []pair{{"backend", m.Backend}}
	if m.Devices > 1 {
		pairs = append(pairs, pair{"devices", fmt.Sprint(m.Devices)})
	}
	pairs = append(pairs, pair{"machine", m.Machine})
	if text := used.Describe(); text != "" {
		pairs = append(pairs, pair{"used", text})
	}
	if m.Commit != "" {
		pairs = append(pairs, pair{"commit", m.Commit})
	}
	for _, a := range m.Attempts {
		text := minute(a.Started) + " on " + a.Machine
		if a.Commit != "" {
			text += ", commit " + a.Commit
		}
		pairs = append(pairs, pair{"resumed", text})
	}
	for _, name := range slices.Sorted(maps.Keys(m.Versions)) {
		pairs = append(pairs, pair{name, m.Versions[name]})
	}
	return pairs
}

// minute is a time as pages show it.
func minute(t time.Time) string { return t.Format("2006-01-02 15:04 MST") }

// commandLine is a command as it can be given to a shell.
func commandLine(command []string) string {
	var words []string
	for _, word := range command {
		if word == "" || strings.ContainsFunc(word, func(r rune) bool {
			return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-", r)
		}) {
			word = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

// longestLog is how many bytes of a log's end a page shows.
const longestLog = 32 << 10

// logOf is the end of a run's log, from the start of a line; "" where there is none.
func logOf(run *experiments.Run) string {
	data, err := os.ReadFile(run.Path("log.txt"))
	if err != nil {
		return ""
	}
	if n := len(data) - longestLog; n > 0 {
		data = data[n:]
		data = data[bytes.IndexByte(data, '\n')+1:]
	}
	return strings.ToValidUTF8(string(data), "?")
}

// execute writes a page, whole or not at all.
func execute(text, path string, data any) error {
	t, err := template.New("page").Funcs(template.FuncMap{
		"number": history.Number,
		"bytes":  func(n int64) string { return humanize.Bytes(uint64(n)) },
	}).Parse(text)
	if err != nil {
		return err
	}
	if err := atomicfile.Write(path, func(w io.Writer) error { return t.Execute(w, data) }); err != nil {
		return fmt.Errorf("cannot write the page: %w", err)
	}
	return nil
}
