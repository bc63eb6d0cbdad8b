package main

import (
	_ "embed"
	"fmt"
	"html/template"
	"image"
	"io"
	"net/url"
	"path/filepath"

	"github.com/glimpse-ml/glimpse/datasets/picture"
	"github.com/glimpse-ml/glimpse/internal/atomicfile"
)

//go:embed search.html
var searchText string

// sheet is the page of `glimpse search --html`.
type sheet struct {
	searched
	Given *shown // the picture that was searched for
	Shown []shown
}

// shown is a picture on the page.
type shown struct {
	found
	Link          template.URL // to the picture itself, from where the page lies
	Small         template.URL // the thumbnail
	Width, Height int
	Problem       string // why there is no thumbnail
}

// thumbnailSide is the long side of a thumbnail, in pixels.
const thumbnailSide = 200

// writeSheet writes the results as a page that needs nothing beside it.
func writeSheet(path string, r searched) error {
	page := sheet{searched: r}
	if r.Kind == "image" {
		given := thumbnail(path, found{File: filepath.Base(r.Query), Path: r.Query})
		page.Given = &given
	}
	for _, f := range r.Results {
		page.Shown = append(page.Shown, thumbnail(path, f))
	}
	text, err := template.New("search").Parse(searchText)
	if err != nil {
		return err
	}
	return atomicfile.Write(path, func(w io.Writer) error { return text.Execute(w, page) })
}

// thumbnail makes the small picture of a result. One that is gone by now says so on the page.
func thumbnail(page string, f found) shown {
	s := shown{found: f, Link: linkFrom(page, f.Path)}
	img, err := picture.DecodeFile(f.Path, picture.Limits{})
	if err == nil {
		s.Width, s.Height = fitted(img.Bounds().Size(), thumbnailSide)
		var small *picture.RGB
		if small, err = picture.ResizeCrop(img, s.Width, s.Height, image.Rect(0, 0, s.Width, s.Height), picture.Bicubic); err == nil {
			s.Small, err = jpegURI(small)
		}
	}
	if err != nil {
		s.Problem = fmt.Sprint(err)
	}
	return s
}

// linkFrom is the address of a file relative to the page, so that both can be moved together.
func linkFrom(page, file string) template.URL {
	from, err := filepath.Abs(filepath.Dir(page))
	to, err2 := filepath.Abs(file)
	if err == nil && err2 == nil {
		if relative, err := filepath.Rel(from, to); err == nil {
			to = "./" + filepath.ToSlash(relative) // a name with a colon is no scheme
		}
	}
	return template.URL((&url.URL{Path: to}).String())
}
