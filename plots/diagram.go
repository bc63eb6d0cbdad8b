package plots

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// DiagramBox is one box of a diagram: a part of a model, or what goes in and comes out.
type DiagramBox struct {
	Text string // lines end in "\n"; the first says what it is, the others are written smaller
	Name string // what arrows call it; Text when left out

	Row, Column   int // its cell, from 0 at the top left
	Rows, Columns int // how many cells it takes downwards and to the right, 1 when 0

	Group  string // boxes of one group have one colour, which the legend names; white when left out
	Plain  bool   // no frame: data rather than a part
	Stack  bool   // several of them that lie behind each other: a batch, a loop unrolled
	Matrix int    // draws a square of so many rows and columns above the text, its diagonal filled
}

// ArrowRoute says which way an arrow takes.
type ArrowRoute int

// An arrow goes straight, or leaves its box upwards or downwards, goes along above or below the boxes' rows, and comes back: a loop.
const (
	Straight ArrowRoute = iota
	Above
	Below
)

// DiagramArrow leads from one box to another, or back to itself above or below it.
type DiagramArrow struct {
	From, To string // names of boxes
	Label    string
	Route    ArrowRoute
	Dashed   bool
}

// DiagramConfig says what [Diagram] draws.
type DiagramConfig struct {
	Title  string
	Boxes  []DiagramBox
	Arrows []DiagramArrow
}

// maxDiagram bounds the rows and columns of a diagram: beyond it a word does not fit into a box.
const maxDiagram = 12

// Diagram draws boxes in rows and columns and arrows between them: how a model is put together. Columns are as wide as their boxes'
// texts ask for, and narrower, with lines that wrap, where the figure has no room; an arrow's label stands above it, below it
// where it goes around below, or to the right of it where it goes up or down.
//
// Errors: no boxes, two of one name or in one cell, more than 12 rows or columns, an arrow from or to a box that there is not.
func Diagram(cfg DiagramConfig) (*Figure, error) {
	cfg.Boxes = slices.Clone(cfg.Boxes)
	for i := range cfg.Boxes {
		b := &cfg.Boxes[i]
		b.Name, b.Rows, b.Columns = cmp.Or(b.Name, b.Text), cmp.Or(b.Rows, 1), cmp.Or(b.Columns, 1)
	}
	if err := cfg.check(); err != nil {
		return nil, fmt.Errorf("diagram %q: %w", cfg.Title, err)
	}
	return &Figure{title: cfg.Title, layout: cfg.layout}, nil
}

func (cfg DiagramConfig) check() error {
	if len(cfg.Boxes) == 0 {
		return errors.New("expected at least one box, found none")
	}
	names, cells := map[string]bool{}, map[[2]int]string{}
	for i, b := range cfg.Boxes {
		if oneLine(b.Name) == "" {
			return fmt.Errorf("expected a text or a name of box %d, found none", i)
		}
		if names[b.Name] {
			return fmt.Errorf("expected boxes with names of their own, found two that are called %q", b.Name)
		}
		names[b.Name] = true
		if b.Row < 0 || b.Column < 0 || b.Rows < 1 || b.Columns < 1 || b.Row+b.Rows > maxDiagram || b.Column+b.Columns > maxDiagram {
			return fmt.Errorf("box %q: expected a place within %d rows and columns from 0, found row %d (%d of them), column %d (%d of them)",
				b.Name, maxDiagram, b.Row, b.Rows, b.Column, b.Columns)
		}
		if b.Matrix < 0 || b.Matrix > 16 {
			return fmt.Errorf("box %q: expected a matrix of at most 16 rows, found %d", b.Name, b.Matrix)
		}
		for row := b.Row; row < b.Row+b.Rows; row++ {
			for column := b.Column; column < b.Column+b.Columns; column++ {
				if other, taken := cells[[2]int{row, column}]; taken {
					return fmt.Errorf("expected one box in row %d, column %d, found %q and %q", row, column, other, b.Name)
				}
				cells[[2]int{row, column}] = b.Name
			}
		}
	}
	for i, a := range cfg.Arrows {
		for _, end := range []string{a.From, a.To} {
			if !names[end] {
				return fmt.Errorf("arrow %d: expected the name of a box, found %q", i, end)
			}
		}
		if a.Route < Straight || a.Route > Below {
			return fmt.Errorf("arrow %d: expected the route Straight, Above or Below, found %d", i, a.Route)
		}
		if a.From == a.To && a.Route == Straight {
			return fmt.Errorf("arrow %d: expected the route Above or Below from %q to itself, found a straight one", i, a.From)
		}
	}
	return nil
}

func (cfg DiagramConfig) box(name string) int {
	return slices.IndexFunc(cfg.Boxes, func(b DiagramBox) bool { return b.Name == name })
}

// groups are the names of the groups, in the order in which they come.
func (cfg DiagramConfig) groups() (names []string) {
	for _, b := range cfg.Boxes {
		if b.Group != "" && !slices.Contains(names, b.Group) {
			names = append(names, b.Group)
		}
	}
	return names
}
