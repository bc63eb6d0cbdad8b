package notebook

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
)

// Exercise is a task of a notebook: three cells that follow each other. The first, text, sets the task. The second, code, is marked by
// its metadata {"glimpse": {"exercise": NAME}}; it holds a function that is wrong, the line %%, and a check that calls lesson.Exercise
// with the same name. The third, text, is the solution:
//
//	<details><summary>A solution</summary>
//
//	```go
//	func entropy(p []float64) float64 { ... }
//	```
//
//	</details>
type Exercise struct {
	Name     string
	Stub     string // the functions that the reader is to write, compiling and wrong
	Check    string // from the line %% on
	Solution string // the same functions, right
}

const (
	solutionSummary = "<summary>A solution</summary>"
	exerciseKey     = "exercise"
	solutionsKey    = "solutions"
)

var (
	mainLine    = regexp.MustCompile(`(?m)^%%.*$`)
	goBlock     = regexp.MustCompile("(?s)```go\n(.*?)```")
	functions   = regexp.MustCompile(`(?m)^func (?:\([^)]*\) )?(\w+)`)
	callOfCheck = regexp.MustCompile(`\blesson\.Exercise\("([^"]*)"`)
)

// Exercises are the exercises of a notebook. An exercise that is not whole is an error that says what it lacks.
func (d *Document) Exercises() ([]Exercise, error) {
	var all []Exercise
	for i, cell := range d.Cells {
		if cell.Exercise == "" {
			if cell.Type == "code" && callOfCheck.MatchString(cell.Source) && len(cell.Solutions) == 0 {
				return nil, fmt.Errorf("expected cell %d, which calls lesson.Exercise, to have the metadata {\"glimpse\": {\"exercise\": NAME}}, found none", i+1)
			}
			if strings.Contains(cell.Source, solutionSummary) && (i == 0 || d.Cells[i-1].Exercise == "") {
				return nil, fmt.Errorf("expected the solution in cell %d to stand behind its exercise, found another cell there", i+1)
			}
			continue
		}
		e, err := d.exercise(i)
		if err != nil {
			return nil, fmt.Errorf("exercise %q in cell %d: %w", cell.Exercise, i+1, err)
		}
		if slices.ContainsFunc(all, func(other Exercise) bool { return other.Name == e.Name }) {
			return nil, fmt.Errorf("expected exercises with names of their own, found two that are called %q", e.Name)
		}
		all = append(all, e)
	}
	return all, nil
}

func (d *Document) exercise(i int) (Exercise, error) {
	e := Exercise{Name: d.Cells[i].Exercise}
	at := mainLine.FindStringIndex(d.Cells[i].Source)
	if d.Cells[i].Type != "code" || at == nil {
		return e, fmt.Errorf("expected a code cell with a function, the line %%%%, and a check")
	}
	e.Stub, e.Check = d.Cells[i].Source[:at[0]], d.Cells[i].Source[at[0]:]
	calls := callOfCheck.FindAllStringSubmatch(e.Check, -1)
	if len(calls) == 0 || slices.ContainsFunc(calls, func(call []string) bool { return call[1] != e.Name }) {
		return e, fmt.Errorf("expected a check that calls lesson.Exercise(%q, ...), and no other", e.Name)
	}
	var block []string
	if i+1 < len(d.Cells) && d.Cells[i+1].Type == "markdown" && strings.Contains(d.Cells[i+1].Source, solutionSummary) {
		block = goBlock.FindStringSubmatch(d.Cells[i+1].Source)
	}
	if block == nil {
		return e, fmt.Errorf("expected the next cell to hold <details>%s and a block of Go, found no solution", solutionSummary)
	}
	e.Solution = block[1]
	declared := functions.FindAllStringSubmatch(e.Stub, -1)
	if len(declared) == 0 {
		return e, fmt.Errorf("expected a function above the line %%%%, found none")
	}
	for _, function := range declared {
		if !slices.ContainsFunc(functions.FindAllStringSubmatch(e.Solution, -1), func(s []string) bool { return s[1] == function[1] }) {
			return e, fmt.Errorf("expected the solution to hold the function %s, found none", function[1])
		}
	}
	return e, nil
}

// WithSolutions reads a notebook and returns its text with one cell more at its end, if it has exercises: it holds all solutions and, behind them,
// the checks of their exercises. It has the metadata {"glimpse": {"solutions": [NAME, ...]}}. One cell for all is compiled once.
func WithSolutions(path string) ([]byte, error) {
	doc, err := Read(path)
	if err != nil {
		return nil, err
	}
	exercises, err := doc.Exercises()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot read the notebook: %w", err)
	}
	s, err := parseSource(path, text)
	if err != nil {
		return nil, err
	}
	if len(exercises) == 0 {
		return s.format()
	}
	var names []any
	var solutions, checks strings.Builder
	for _, e := range exercises {
		names = append(names, e.Name)
		solutions.WriteString(e.Solution + "\n")
		checks.WriteString("{\n" + mainLine.ReplaceAllString(e.Check, "") + "\n}\n") // each with variables of its own
	}
	s["cells"] = append(s["cells"].([]any), map[string]any{
		"cell_type": "code", "id": solutionsKey, "execution_count": nil, "outputs": []any{},
		"metadata": map[string]any{"glimpse": map[string]any{solutionsKey: names}},
		"source":   splitLines(solutions.String() + "%%\n" + checks.String()),
	})
	return s.format()
}
