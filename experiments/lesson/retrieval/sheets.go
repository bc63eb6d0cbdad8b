package retrieval

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/datasets"
	"github.com/glimpse-ml/glimpse/experiments"
	"github.com/glimpse-ml/glimpse/plots"
)

// folder is where in a run its sheets of pictures lie. They stay there: pictures and captions belong to the data sets.
const folder = "examples"

// top is how much a sheet shows of what was found.
const top = 5

// sheets draws what was found.
type sheets struct {
	*album
	scale float64
	run   *experiments.Run
}

// draw draws photographs with their nearest captions, captions with their nearest photographs, and the most confident mistakes.
func (s sheets) draw(spread []int, toTexts, toImages []answer, n int) error {
	var captions []int
	for _, photo := range spread {
		captions = append(captions, s.of[photo][0])
	}
	for _, sheet := range []struct {
		name, title string
		rows        func() ([]plots.SheetRow, error)
	}{
		{"picture-to-text", "The captions nearest to each photograph", func() ([]plots.SheetRow, error) { return s.texts(spread) }},
		{"text-to-picture", "The photographs nearest to each caption (its own is framed)", func() ([]plots.SheetRow, error) { return s.photographs(captions) }},
		{"picture-to-text-mistakes", "The most confident mistakes, picture to text (framed: whose caption it is)", func() ([]plots.SheetRow, error) { return s.mistakes(toTexts, n, true) }},
		{"text-to-picture-mistakes", "The most confident mistakes, text to picture (framed: whose caption it is)", func() ([]plots.SheetRow, error) { return s.mistakes(toImages, n, false) }},
	} {
		rows, err := sheet.rows()
		if err != nil {
			return err
		}
		if err := saveSheet(s.run, sheet.name, sheet.title, rows); err != nil {
			return err
		}
	}
	return nil
}

func saveSheet(run *experiments.Run, name, title string, rows []plots.SheetRow) error {
	if len(rows) == 0 {
		return nil
	}
	f, err := plots.Sheet(plots.SheetConfig{Title: title, Rows: rows})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(run.Path(folder), 0o755); err != nil {
		return fmt.Errorf("cannot keep sheets of pictures: %w", err)
	}
	return f.Save(run.Path(folder, name+".png"))
}

func opened(example datasets.Example, note string, marked bool) (plots.SheetPicture, error) {
	img, err := example.Open()
	return plots.SheetPicture{Picture: img, Note: note, Marked: marked}, err
}

// best are the numbers of the largest scores, the largest first, and the softmax of all.
func (s sheets) best(row []float32) (order []int, p []float64) {
	p = clip.Softmax(row, s.scale)
	for i := range row {
		order = append(order, i)
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case row[a] > row[b]:
			return -1
		case row[a] < row[b]:
			return 1
		}
		return 0
	})
	return order, p
}

// texts are photographs with the captions nearest to them.
func (s sheets) texts(photos []int) (rows []plots.SheetRow, err error) {
	for _, photo := range photos {
		picture, err := opened(s.Examples[photo], "", false)
		if err != nil {
			return nil, err
		}
		row := plots.SheetRow{Heading: s.Examples[photo].ID, Pictures: []plots.SheetPicture{picture}}
		order, p := s.best(clip.Similarities(s.Images[photo:photo+1], s.Texts)[0])
		for _, text := range order[:min(top, len(order))] {
			whose := "another's"
			if s.Owner[text] == photo {
				whose = "its own"
			}
			row.Lines = append(row.Lines, fmt.Sprintf("%.1f%% (%s)  %s", 100*p[text], whose, s.Captions[text]))
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// photographs are captions with the photographs nearest to them.
func (s sheets) photographs(captions []int) (rows []plots.SheetRow, err error) {
	for _, caption := range captions {
		row := plots.SheetRow{Heading: s.Captions[caption]}
		order, p := s.best(clip.Similarities(s.Texts[caption:caption+1], s.Images)[0])
		for _, photo := range order[:min(top, len(order))] {
			picture, err := opened(s.Examples[photo], fmt.Sprintf("%.1f%%", 100*p[photo]), photo == s.Owner[caption])
			if err != nil {
				return nil, err
			}
			row.Pictures = append(row.Pictures, picture)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// mistakes are the first mistakes of answers: the photograph and the one whose caption was put to it.
func (s sheets) mistakes(all []answer, n int, toTexts bool) (rows []plots.SheetRow, err error) {
	seen := map[int]bool{}
	for _, x := range all {
		if x.right || seen[x.found] || len(rows) == n {
			continue
		}
		seen[x.found] = true
		owner := s.Owner[x.caption]
		first, second, notes := x.photo, owner, [2]string{"asked for", "has this caption"}
		if !toTexts {
			first, second, notes = owner, x.photo, [2]string{"has this caption", "found"}
		}
		v := s.judge(x.caption, x.photo)
		row := plots.SheetRow{Heading: s.Captions[x.caption]}
		for i, photo := range []int{first, second} {
			picture, err := opened(s.Examples[photo], notes[i], photo == owner)
			if err != nil {
				return nil, err
			}
			row.Pictures = append(row.Pictures, picture)
		}
		row.Lines = append(row.Lines, fmt.Sprintf("confidence %.1f%%, rank of the best right answer %d", 100*x.confidence, x.rank),
			"words too much: "+listOr(texts(v.missing)))
		for _, text := range s.of[x.photo][:min(3, len(s.of[x.photo]))] {
			row.Lines = append(row.Lines, "the photograph's: "+s.Captions[text])
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func listOr(words []string) string {
	if len(words) == 0 {
		return "nothing"
	}
	return strings.Join(words, ", ")
}

// drawMisnamed draws the pictures that were taken most confidently for those of another class.
func drawMisnamed(run *experiments.Run, classes []string, all []named, n int) error {
	var rows []plots.SheetRow
	for _, x := range all {
		if x.class == x.said || len(rows) == n {
			continue
		}
		picture, err := opened(x.example, "", false)
		if err != nil {
			return err
		}
		lines := []string{fmt.Sprintf("%s, said to be %s (%.1f%%)", classes[x.class], classes[x.said], 100*x.confidence)}
		if len(x.example.Captions) > 0 {
			lines = append(lines, "title: "+x.example.Captions[0])
		}
		rows = append(rows, plots.SheetRow{Heading: x.example.ID, Pictures: []plots.SheetPicture{picture}, Lines: lines})
	}
	return saveSheet(run, "classes", "The most confident mistakes of zero-shot classification", rows)
}
