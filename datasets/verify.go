package datasets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	"github.com/glimpse-ml/glimpse/internal/fetch"
)

// Report is what Verify found.
type Report struct {
	Name   string        `json:"name"`
	Dir    string        `json:"dir"`
	Layout string        `json:"layout"`
	Files  []FileReport  `json:"files"`
	Splits []SplitReport `json:"splits"`
}

// FileReport is the state of one expected file.
type FileReport struct {
	Path    string `json:"path"`
	Bytes   int64  `json:"bytes"`             // -1 when it is missing, 0 for a folder
	Checked bool   `json:"checked"`           // its sha256 is the one that is pinned
	Problem string `json:"problem,omitempty"` // a sentence, empty when all is well
}

// SplitReport is the state of one split. Fewer examples than published is no fault: parts are in use too.
type SplitReport struct {
	Name      string    `json:"name"`
	Examples  int       `json:"examples"`
	Published int       `json:"published"`
	Captions  int       `json:"captions"`
	Problems  []Problem `json:"problems,omitempty"` // of opening it
	Bad       []Problem `json:"bad,omitempty"`      // pictures that cannot be decoded
	Error     string    `json:"error,omitempty"`    // it cannot be opened at all
}

// OK says that every file is there and as pinned, every split opens without a problem, every picture decodes.
func (r Report) OK() bool { return len(r.Faults()) == 0 }

// Faults lists everything that is not as it should be, a sentence each.
func (r Report) Faults() []string {
	var faults []string
	for _, f := range r.Files {
		if f.Problem != "" {
			faults = append(faults, f.Problem)
		}
	}
	for _, s := range r.Splits {
		if s.Error != "" {
			faults = append(faults, s.Error)
		}
		for _, p := range append(append([]Problem(nil), s.Problems...), s.Bad...) {
			faults = append(faults, s.Name+": "+p.String())
		}
	}
	return faults
}

// Verify reads a data set of the catalogue from end to end: expected files, their sha256 where one is pinned, counts,
// and every picture, decoded on all cores. progress (which may be nil) is told the pictures of a split so far.
// The error is for a name that is not known or a folder that is not there; faults of the data are in the Report.
func Verify(ctx context.Context, name, dir string, progress func(split string, done, total int)) (Report, error) {
	e, err := Lookup(name)
	if err != nil {
		return Report{}, err
	}
	if !isFolder(dir) {
		return Report{}, fmt.Errorf("expected the data set %s in the folder %s, found no folder; glimpse data get %s brings it or says how", name, dir, name)
	}
	layout := layoutIn(e, dir)
	r := Report{Name: name, Dir: dir, Layout: layout.Name}
	for _, f := range layout.Files {
		report, err := verifyFile(ctx, dir, f)
		if err != nil {
			return r, err
		}
		r.Files = append(r.Files, report)
	}
	if e.Open == nil {
		return r, nil
	}
	for _, s := range e.Splits {
		report, err := verifySplit(ctx, e, dir, s, progress)
		if err != nil {
			return r, err
		}
		r.Splits = append(r.Splits, report)
	}
	return r, nil
}

// layoutIn is the layout of which most files are there.
func layoutIn(e Entry, dir string) Layout {
	best, most := e.Layouts[0], 0
	for _, l := range e.Layouts {
		there := 0
		for _, f := range l.Files {
			if _, err := os.Stat(filepath.Join(dir, f.Path)); err == nil {
				there++
			}
		}
		if there > most {
			best, most = l, there
		}
	}
	return best
}

func verifyFile(ctx context.Context, dir string, f File) (FileReport, error) {
	report := FileReport{Path: f.Path, Bytes: -1}
	path := filepath.Join(dir, f.Path)
	info, err := os.Stat(path)
	switch {
	case err != nil:
		report.Problem = fmt.Sprintf("expected %s, found none", path)
		return report, nil
	case info.IsDir() != strings.HasSuffix(f.Path, "/"):
		report.Problem = fmt.Sprintf("expected %s to be a file or folder as its name says, found the other", path)
		return report, nil
	case info.IsDir():
		report.Bytes = 0
		return report, nil
	}
	report.Bytes = info.Size()
	if f.Size > 0 && info.Size() != f.Size {
		report.Problem = fmt.Sprintf("expected %s to have %d bytes, found %d; get it again", path, f.Size, info.Size())
		return report, nil
	}
	if f.SHA256 == "" {
		return report, nil
	}
	sum, err := fetch.SHA256(ctx, path)
	if ctx.Err() != nil {
		return report, ctx.Err()
	}
	switch {
	case err != nil:
		report.Problem = err.Error()
	case sum != f.SHA256:
		report.Problem = fmt.Sprintf("expected %s to have the sha256 %s, found %s; get it again", path, f.SHA256, sum)
	default:
		report.Checked = true
	}
	return report, nil
}

// verifySplit opens a split and decodes every picture, with a Loader for its workers and its list of bad examples.
func verifySplit(ctx context.Context, e Entry, dir string, s Split, progress func(string, int, int)) (SplitReport, error) {
	report := SplitReport{Name: s.Name, Published: s.Examples}
	ds, err := e.Open(dir, s.Name)
	if err != nil {
		report.Error = err.Error()
		return report, nil
	}
	report.Examples, report.Problems = ds.Len(), Problems(ds)
	captions := func(_ context.Context, i int, _ *rand.Rand) (int, error) {
		example := ds.At(i)
		_, err := example.Open()
		return len(example.Captions), err
	}
	loader, err := NewLoader(ds.Len(), LoaderConfig{BatchSize: min(64, ds.Len()), Epochs: 1}, captions)
	if err != nil {
		return report, err
	}
	defer loader.Close()
	done := 0
	for {
		batch, err := loader.Next(ctx)
		if ctx.Err() != nil {
			return report, ctx.Err()
		}
		for _, n := range batch.Items {
			report.Captions += n
		}
		done += len(batch.Items)
		if progress != nil {
			progress(s.Name, done, ds.Len())
		}
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil { // every picture is bad; they are listed below
			break
		}
	}
	for _, b := range loader.Bad() {
		report.Bad = append(report.Bad, Problem{ds.At(b.Index).ID, b.Err.Error()})
	}
	return report, nil
}
