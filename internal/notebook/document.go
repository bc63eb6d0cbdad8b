package notebook

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"
)

// Document is a notebook as it lies on disk (nbformat 4).
type Document struct {
	Cells []Cell

	Processor time.Duration // of its cells, their compiling and Jupyter, where it was just executed
}

// Cell is one cell of a notebook.
type Cell struct {
	Type    string // "code" or "markdown"
	Source  string
	Run     int // the execution count, 0 when the cell was not executed
	Outputs []Output

	Exercise  string   // name of the exercise that the cell sets, see [Exercise]
	Solutions []string // names of the exercises that the cell solves, see [WithSolutions]

	looked *bool
}

// Output is one thing that a cell showed.
type Output struct {
	Text  string // plain text; of standard error when Stderr
	HTML  string
	PNG   []byte
	Error string // how the cell failed, "" unless it did

	Stderr bool
}

// Read reads a notebook.
func Read(path string) (*Document, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the notebook: %w", err)
	}
	var raw struct {
		NBFormat int `json:"nbformat"`
		Cells    []struct {
			Type    string      `json:"cell_type"`
			Source  lines       `json:"source"`
			Run     int         `json:"execution_count"`
			Outputs []rawOutput `json:"outputs"`

			Metadata struct {
				Glimpse struct {
					Exercise  string
					Solutions []string
				} `json:"glimpse"`
			} `json:"metadata"`
		} `json:"cells"`
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, fmt.Errorf("expected a notebook (JSON, nbformat 4) in %s, found something else: %w", path, err)
	}
	if raw.NBFormat != 4 {
		return nil, fmt.Errorf("expected a notebook of nbformat 4 in %s, found nbformat %d", path, raw.NBFormat)
	}
	doc := &Document{}
	for _, c := range raw.Cells {
		cell := Cell{Type: c.Type, Source: string(c.Source), Run: c.Run, looked: new(bool),
			Exercise: c.Metadata.Glimpse.Exercise, Solutions: c.Metadata.Glimpse.Solutions}
		for _, o := range c.Outputs {
			cell.Outputs = append(cell.Outputs, o.decode())
		}
		doc.Cells = append(doc.Cells, cell)
	}
	return doc, nil
}

// Code are the cells that are executed, in order.
func (d *Document) Code() []Cell {
	var code []Cell
	for _, c := range d.Cells {
		if c.Type == "code" {
			code = append(code, c)
		}
	}
	return code
}

// Looked says whether someone has asked for what the cell showed: its text, pictures or HTML. Tests of notebooks see to it that
// they have looked at every cell.
func (c Cell) Looked() bool { return c.looked != nil && *c.looked }

func (c Cell) look() {
	if c.looked != nil {
		*c.looked = true
	}
}

// Text is what the cell wrote to standard output and showed as plain text.
func (c Cell) Text() string {
	c.look()
	var all strings.Builder
	for _, o := range c.Outputs {
		if !o.Stderr {
			all.WriteString(o.Text)
		}
	}
	return all.String()
}

// HTML are the pieces of HTML that the cell showed.
func (c Cell) HTML() []string {
	c.look()
	var all []string
	for _, o := range c.Outputs {
		if o.HTML != "" {
			all = append(all, o.HTML)
		}
	}
	return all
}

// Pictures are the PNGs that the cell showed.
func (c Cell) Pictures() [][]byte {
	c.look()
	var all [][]byte
	for _, o := range c.Outputs {
		if len(o.PNG) > 0 {
			all = append(all, o.PNG)
		}
	}
	return all
}

// Failure says how the cell failed, on one line; it is "" when the cell did not.
func (c Cell) Failure() string {
	var said strings.Builder
	failed := ""
	for _, o := range c.Outputs {
		if o.Stderr {
			said.WriteString(o.Text)
		}
		if o.Error != "" {
			failed = o.Error
		}
	}
	if failed == "" {
		return ""
	}
	text := terminalCodes.ReplaceAllString(said.String(), "")
	if trace := strings.Index(text, "\ngoroutine "); trace >= 0 {
		text = text[:trace]
	}
	if text = lastLines(text, 4); text == "" {
		return failed
	}
	return text
}

var terminalCodes = regexp.MustCompile("\x1b\\[[0-9;]*m")

type rawOutput struct {
	Type   string `json:"output_type"`
	Name   string `json:"name"` // of a stream
	Text   lines  `json:"text"`
	EName  string `json:"ename"`
	EValue string `json:"evalue"`
	Data   struct {
		Plain lines `json:"text/plain"`
		HTML  lines `json:"text/html"`
		PNG   lines `json:"image/png"`
	} `json:"data"`
}

func (r rawOutput) decode() Output {
	o := Output{Text: string(r.Text + r.Data.Plain), HTML: string(r.Data.HTML), Stderr: r.Name == "stderr"}
	if r.Type == "error" {
		o.Error = cmp.Or(lastLines(r.EValue, 4), r.EName, "it did not say how")
	}
	o.PNG, _ = base64.StdEncoding.DecodeString(strings.ReplaceAll(string(r.Data.PNG), "\n", ""))
	return o
}

// lines is a text that JSON holds as one string or as a list of lines.
type lines string

func (l *lines) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*l = lines(one)
		return nil
	}
	var many []string
	if err := json.Unmarshal(data, &many); err != nil {
		return err
	}
	*l = lines(strings.Join(many, ""))
	return nil
}
