package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/glimpse-ml/glimpse/clip"
	"github.com/glimpse-ml/glimpse/clip/search"
	"github.com/glimpse-ml/glimpse/datasets/picture"
	"github.com/glimpse-ml/glimpse/internal/backend"
)

// searched is what `glimpse search --json` prints.
type searched struct {
	Index    string  `json:"index"`
	Query    string  `json:"query"`
	Kind     string  `json:"kind"` // text or image
	Model    string  `json:"model"`
	Pictures int     `json:"pictures"` // in the index
	Results  []found `json:"results"`  // the best first
}

// found is one result.
type found struct {
	Rank  int     `json:"rank"`
	Score float64 `json:"score"` // the cosine
	File  string  `json:"file"`  // below the folder that was indexed
	Path  string  `json:"path"`
}

// searching is a call of `glimpse search`.
type searching struct {
	index, query, image, text, model, html string
	k                                      int
	asJSON                                 bool
}

func searchCommand() *cobra.Command {
	var s searching
	cmd := &cobra.Command{
		Use:   "search INDEX QUERY",
		Short: "Find the pictures nearest to a text or to a picture",
		Long: `Search finds the pictures of an index (see glimpse index) whose embeddings have the highest cosine with that of the
query: a text, or a picture when QUERY ends like the name of one (.jpg, .png ...). --image and --text, in the place of
QUERY, say which is meant. All pictures are compared, so that nothing is missed; of equal scores the earlier path comes
first.

What a cosine means differs from model to model (the published ones rarely give a text and a picture more than 0.4) and
from query to query: compare scores of one query only. The model is the one that the index was made with; --model says
where it lies now, if it was moved.`,
		Example: examples(
			`glimpse search photos.index "a dog on grass"`,
			"glimpse search photos.index holiday.jpg --k 20 --html near.html",
			`glimpse search photos.index "a red car" --json`),
		Args: func(cmd *cobra.Command, args []string) error {
			if s.image != "" && s.text != "" {
				return usagef(cmd, "expected --image or --text, found both")
			}
			if s.image != "" || s.text != "" {
				return wantArgs("INDEX")(cmd, args)
			}
			return wantArgs("INDEX", "QUERY")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			s.index, s.query = args[0], s.image+s.text
			if len(args) > 1 {
				s.query = args[1]
			}
			if strings.TrimSpace(s.query) == "" {
				return usagef(cmd, "expected a text or the name of a picture to search for, found an empty one")
			}
			if s.k < 1 {
				return usagef(cmd, "expected --k to be 1 or more, found %d", s.k)
			}
			return s.run(cmd)
		},
	}
	cmd.Flags().IntVar(&s.k, "k", 10, "how `many` pictures to find")
	cmd.Flags().StringVar(&s.image, "image", "", "search for what looks like this picture `file`")
	cmd.Flags().StringVar(&s.text, "text", "", "search for this `text`, even if it ends like the name of a picture")
	cmd.Flags().StringVar(&s.model, "model", "", "`folder` of the CLIP model (default: where it was when the index was made)")
	cmd.Flags().StringVar(&s.html, "html", "", "write a contact sheet of the results, with small pictures in it, to this `file`")
	cmd.Flags().BoolVar(&s.asJSON, "json", false, "print one JSON object")
	return cmd
}

func (s *searching) run(cmd *cobra.Command) error {
	if s.html != "" {
		if err := checkOutput(s.html); err != nil {
			return err
		}
	}
	kind, err := s.kind()
	if err != nil {
		return err
	}
	x, err := search.Open(s.index)
	if err != nil {
		return err
	}
	defer x.Close()
	result := searched{Index: s.index, Query: s.query, Kind: kind, Model: s.model, Pictures: x.Len(), Results: []found{}}
	if result.Model == "" {
		result.Model = x.Meta.Model
	}
	query, err := s.embed(cmd, x, result)
	if err != nil {
		return err
	}
	hits, err := x.Search(cmd.Context(), [][]float32{query}, s.k)
	if err != nil {
		return err
	}
	for i, hit := range hits[0] {
		e, err := x.Entry(hit.Row)
		if err != nil {
			return err
		}
		result.Results = append(result.Results, found{i + 1, hit.Score, e.Path, x.File(e)})
	}
	if s.k > x.Len() && cmd.Flags().Changed("k") {
		fmt.Fprintf(cmd.ErrOrStderr(), "glimpse: expected an index of at least %d pictures for --k %d, found %d pictures in %s: these are all of them\n", s.k, s.k, x.Len(), s.index)
	}
	if s.html != "" {
		if err := writeSheet(s.html, result); err != nil {
			return err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "glimpse: the contact sheet is in %s\n", s.html)
	}
	return result.print(cmd.OutOrStdout(), s.asJSON)
}

// kind is what the query is: "image" or "text". A name of a picture that is not there is more likely misspelt than a text.
func (s *searching) kind() (string, error) {
	switch {
	case s.image != "":
		return "image", nil
	case s.text != "" || !picture.IsPictureName(s.query):
		return "text", nil
	}
	if _, err := os.Stat(s.query); err != nil {
		return "", fmt.Errorf("expected a picture at %s, found: %w; give its right name, or search for these words with --text %q", s.query, reason(err), s.query)
	}
	return "image", nil
}

// embed computes the query's embedding with the model of the index.
func (s *searching) embed(cmd *cobra.Command, x *search.Index, q searched) ([]float32, error) {
	if s.model == "" {
		if _, err := os.Stat(q.Model); err != nil {
			return nil, fmt.Errorf("expected the model that the index %s was made with at %s, found: %w; say where it is with --model", s.index, q.Model, reason(err))
		}
	}
	m, err := openCLIP(q.Model, 1)
	if err != nil {
		return nil, err
	}
	identity, err := search.Identity(m)
	if err != nil {
		return nil, err
	}
	if identity != x.Meta.Identity {
		return nil, fmt.Errorf("expected the model that the index %s was made with, found another one in %s: embeddings of two models cannot be compared; give the right one with --model, or index again", s.index, q.Model)
	}
	b, err := backend.Open(cmd.ErrOrStderr())
	if err != nil {
		return nil, err
	}
	defer b.Finalize()
	if q.Kind == "text" {
		query, err := first(m.EncodeTexts(b.Backend, []string{s.query}))
		return query, uncut(err)
	}
	return embedPicture(b, m, s.query)
}

func embedPicture(b *backend.Backend, m *clip.Model, path string) ([]float32, error) {
	img, err := openPicture(path)
	if err != nil {
		return nil, err
	}
	pixels, err := m.Preprocess(img)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return first(m.EncodeImages(b.Backend, [][]float32{pixels}))
}

// first is the one row of a batch of one.
func first(rows [][]float32, err error) ([]float32, error) {
	if err != nil {
		return nil, err
	}
	return rows[0], nil
}

func (r searched) print(w io.Writer, asJSON bool) error {
	if asJSON {
		return printJSON(w, r)
	}
	return printTable(w, func(table io.Writer) {
		for _, f := range r.Results {
			fmt.Fprintf(table, "%d\t%.4f\t%s\n", f.Rank, f.Score, f.Path)
		}
	})
}
