// Package lesson holds what the notebooks' cells share, so that a cell shows its subject and little else: ending a
// cell with an error in words, putting figures and pictures below it, and opening a trained model.
//
// A cell is a program of its own, so functions here end the program where a library would return an error.
package lesson

import (
	"bytes"
	"fmt"
	"html"
	"image"
	"os"

	"github.com/janpfeifer/gonb/gonbui"

	"github.com/glimpse-ml/glimpse/plots"
)

// Check ends the cell with the error in words, if there is one.
func Check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// Try returns the value, or ends the cell with the error in words.
func Try[T any](value T, err error) T {
	Check(err)
	return value
}

// Show puts a figure below the cell. It takes what the functions of package plots return:
//
//	lesson.Show(plots.Curves(cfg))
func Show(figure *plots.Figure, err error) {
	Check(err)
	var png bytes.Buffer
	Check(figure.PNG(&png))
	gonbui.DisplayPng(png.Bytes())
	gonbui.Sync() // so that what is printed next stands below it
}

// ShowPicture puts a picture below the cell, 320 pixels wide whatever its own size. The alternative text says what
// it is to those who do not see it.
func ShowPicture(picture image.Image, alternative string) {
	source := Try(gonbui.EmbedImageAsPNGSrc(picture))
	gonbui.DisplayHTMLF(`<img src="%s" width="320" alt="%s">`, source, html.EscapeString(alternative))
	gonbui.Sync()
}
