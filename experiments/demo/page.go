package demo

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/glimpse-ml/glimpse/clip/evaluate"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/internal/atomicfile"
	"github.com/glimpse-ml/glimpse/internal/stats"
)

//go:embed page.html
var pageText string

// Page is what index.html shows: all of it comes from the runs' files.
type Page struct {
	CLIP      *section
	Captioner *section
	Took      string
	Record
}

// RecordFile is the demo's figures for programs: a [Record].
const RecordFile = "demo.json"

// Record is what a demo measured, and on what.
type Record struct {
	Backend       string   `json:"backend"`
	Machine       string   `json:"machine"`
	Started       string   `json:"started"`
	Commit        string   `json:"commit"`
	Seconds       float64  `json:"seconds"` // all of it, from the start of the command to the page
	CLIPRows      []Row    `json:"clip"`
	CaptionerRows []Row    `json:"captioner"`
	Remarks       []string `json:"remarks"`
}

// Rows are all figures.
func (r Record) Rows() []Row { return slices.Concat(r.CLIPRows, r.CaptionerRows) }

// section is one run on the page.
type section struct {
	Folder  string // of the run, below the page's
	Summary string
	Figures []Figure
}

// Row is one figure of a table, with what it is compared with.
type Row struct {
	What     string `json:"what"`
	Value    string `json:"value"`
	Interval string `json:"interval"` // 95%
	N        string `json:"n"`        // held-out examples
	Against  string `json:"against"`
}

// WritePage writes index.html into dir, which holds the run folders clip and captioner, and demo.json with the same
// figures for programs.
func WritePage(dir string, took time.Duration) error {
	page, err := readPage(dir)
	if err != nil {
		return err
	}
	page.Took, page.Seconds = took.Round(time.Second).String(), took.Seconds()
	record, err := json.MarshalIndent(page.Record, "", "  ")
	if err != nil {
		return err
	}
	if err := atomicfile.WriteFile(filepath.Join(dir, RecordFile), append(record, '\n')); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, "index.html"), func(w io.Writer) error {
		return pageTemplate().Execute(w, page)
	})
}

// readPage gathers the page from the files of the two runs.
func readPage(dir string) (*Page, error) {
	page := &Page{}
	var clipReport CLIPReport
	var captionReport CaptionerReport
	var err error
	if page.CLIP, err = page.read(dir, "clip", &clipReport); err != nil {
		return nil, err
	}
	if page.Captioner, err = page.read(dir, "captioner", &captionReport); err != nil {
		return nil, err
	}
	page.CLIP.Summary = fmt.Sprintf("%d pictures with texts, %d training steps of %.2f s, %.1f%% of them spent waiting for data.",
		clipReport.Training, clipReport.Trained.Last.Step, clipReport.Trained.StepSeconds, 100*clipReport.Trained.Waiting)
	soft := captionReport.Soft.Trained
	page.Captioner.Summary = fmt.Sprintf("%d pictures with captions, a vocabulary of %d words, encoder %s, %d training steps of %.2f s, %.1f%% of them spent waiting for data.",
		captionReport.Training, captionReport.Words, captionReport.Encoder, soft.Last.Step, soft.StepSeconds, 100*soft.Waiting)
	page.CLIPRows, page.CaptionerRows = clipReport.rows(), captionReport.rows()
	return page, nil
}

func pageTemplate() *template.Template {
	return template.Must(template.New("page").Funcs(template.FuncMap{"short": experiments.ShortCommit}).Parse(pageText))
}

// read takes what the page needs from one run folder.
func (p *Page) read(dir, name string, report any) (*section, error) {
	run, err := experiments.OpenRun(filepath.Join(dir, name))
	if err != nil {
		return nil, err
	}
	var result experiments.Result
	if err := run.Results(&result); err != nil {
		return nil, err
	}
	s := &section{Folder: name}
	if err := readJSON(run.Path(ReportFile), report); err != nil {
		return nil, err
	}
	if err := readJSON(run.Path(FiguresFile), &s.Figures); err != nil {
		return nil, err
	}
	p.Remarks = append(p.Remarks, result.Remarks...)
	p.Backend, p.Machine, p.Commit = run.Manifest.Backend, run.Manifest.Machine, run.Manifest.Commit
	if p.Started == "" {
		p.Started = run.Manifest.Started.Format("2006-01-02 15:04 MST")
	}
	p.Backend, _, _ = strings.Cut(p.Backend, ",") // without the path of a library
	return s, nil
}

func readJSON(path string, out any) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("cannot read what a run found out: %w", err)
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("%s is damaged: %w", path, err)
	}
	return nil
}

// rows are CLIP's figures.
func (r *CLIPReport) rows() []Row {
	var rows []Row
	if z := r.ZeroShot; z != nil {
		rows = append(rows, share(fmt.Sprintf("zero-shot accuracy, %d classes of %s", len(z.Classes), r.Data), z.Top1,
			fmt.Sprintf("chance %.1f%%, commonest class %.1f%%", 100*z.Chance, 100*z.Majority)))
	}
	retrieval := func(data string, found *evaluate.Retrieval) {
		for _, k := range evaluate.RecallAt() {
			chance := fmt.Sprintf("chance %.1f%%", 100*float64(k)/float64(found.Images))
			rows = append(rows, share(fmt.Sprintf("recall@%d, picture to text, %s", k, data), found.ImageToText[k], chance))
		}
		chance := fmt.Sprintf("chance %.1f%%", 1000/float64(found.Images))
		rows = append(rows, share("recall@10, text to picture, "+data, found.TextToImage[10], chance))
	}
	retrieval(r.Data, &r.Retrieval)
	if r.Also != nil {
		retrieval(r.AlsoData, r.Also)
	}
	return rows
}

// rows are the captioner's figures.
func (r *CaptionerReport) rows() []Row {
	rows := []Row{nats("captioner, held-out loss", r.Soft.Loss, "")}
	if r.Uniform != nil {
		rows = append(rows,
			nats("the same decoder trained without attention", r.Uniform.Loss, ""),
			nats("difference, paired by picture", *r.Gain, "0: attention is worth nothing"))
	}
	return append(rows, nats("difference to its own attention forced uniform", r.ForcedGain, "0: it does not use its attention"))
}

func share(what string, p stats.Proportion, against string) Row {
	return Row{what, fmt.Sprintf("%.1f%%", 100*p.Value), fmt.Sprintf("%.1f–%.1f%%", 100*p.Low, 100*p.High), fmt.Sprint(p.N), against}
}

func nats(what string, m stats.Mean, against string) Row {
	return Row{what, fmt.Sprintf("%.3f nats a word", m.Value), fmt.Sprintf("%.3f–%.3f", m.Low, m.High), fmt.Sprint(m.N), against}
}
