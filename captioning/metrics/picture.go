package metrics

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Picture is a caption to be scored and what people wrote of the same picture.
type Picture struct {
	ID         ID
	Candidate  string   // tokenised
	References []string // tokenised, at least one
}

// Tokenized is a picture whose caption and references are tokenised first ([Tokenize]).
func Tokenized(id ID, candidate string, references []string) Picture {
	p := Picture{ID: id, Candidate: Tokenize(candidate), References: make([]string, len(references))}
	for i, reference := range references {
		p.References[i] = Tokenize(reference)
	}
	return p
}

// Wordless is how many of the picture's references hold no word.
func (p Picture) Wordless() int {
	n := 0
	for _, reference := range p.References {
		if strings.TrimSpace(reference) == "" {
			n++
		}
	}
	return n
}

// ID names a picture: a number, as in COCO, or a text, such as the name of a file. IDs can be compared with ==.
type ID struct {
	text   string
	isText bool
}

// NumberID is the ID of a picture with a number.
func NumberID(n int64) ID { return ID{text: fmt.Sprint(n)} }

// TextID is the ID of a picture with a name.
func TextID(name string) ID { return ID{text: name, isText: true} }

// String is the number or the text.
func (id ID) String() string { return id.text }

// MarshalJSON writes a number as a number and a text as a text.
func (id ID) MarshalJSON() ([]byte, error) {
	if id.isText || id.text == "" {
		return json.Marshal(id.text)
	}
	return []byte(id.text), nil
}

// UnmarshalJSON reads a number or a text. Numbers keep the form in which they are written.
func (id *ID) UnmarshalJSON(data []byte) error {
	var number json.Number
	switch {
	case len(data) > 0 && data[0] == '"':
		id.isText = true
		return json.Unmarshal(data, &id.text)
	case json.Unmarshal(data, &number) == nil && number != "":
		*id = ID{text: number.String()}
		return nil
	}
	return fmt.Errorf("expected image_id to be a number or a text, found %s", data)
}

// captionedPicture is a picture in the JSON that [Read] takes.
type captionedPicture struct {
	ID            *ID      `json:"image_id"`
	Candidate     *string  `json:"candidate"`
	CandidateRaw  *string  `json:"candidate_raw"`
	References    []string `json:"references"`
	ReferencesRaw []string `json:"references_raw"`

	Caption json.RawMessage `json:"caption"` // of a [Result], which has no references; not read
}

// Read reads a JSON list of pictures with image_id, candidate and references, all tokenised; with raw it takes
// candidate_raw and references_raw and tokenises them ([Tokenize]). Other fields are ignored. It gives an error when
// there is no picture, when two have the same image_id, when one has no image_id, candidate or references, when none of the
// references has a word, and when a text is not UTF-8. A candidate may be empty: what says nothing scores 0. A reference without a
// word beside others counts as coco-caption counts it; [Picture.Wordless] finds it.
func Read(r io.Reader, raw bool) ([]Picture, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	if err := checkText(data); err != nil {
		return nil, err
	}
	var found []captionedPicture
	if err := json.Unmarshal(data, &found); err != nil {
		return nil, explainJSON(data, err, "image_id, candidate and references")
	}
	if len(found) == 0 {
		return nil, errors.New("expected at least one picture, found none")
	}
	pictures := make([]Picture, len(found))
	places := map[ID]int{}
	for i, f := range found {
		if pictures[i], err = f.picture(raw); err != nil {
			return nil, fmt.Errorf("picture %d: %w", i+1, err)
		}
		if before, again := places[pictures[i].ID]; again {
			return nil, fmt.Errorf("picture %d: expected every image_id once, found %s again, which picture %d has too", i+1, pictures[i].ID, before+1)
		}
		places[pictures[i].ID] = i
	}
	return pictures, nil
}

// checkText gives an error for bytes that are not UTF-8, which the JSON decoder would replace without a word.
func checkText(data []byte) error {
	if utf8.Valid(data) {
		return nil
	}
	for i, line := range bytes.Split(data, []byte("\n")) {
		if !utf8.Valid(line) {
			return fmt.Errorf("expected UTF-8 text, found other bytes in line %d; convert the file first", i+1)
		}
	}
	return nil
}

// explainJSON says what is wrong with JSON and where. fields are those that pictures should have.
func explainJSON(data []byte, err error, fields string) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("expected JSON, found a mistake in line %d: %w", 1+bytes.Count(data[:min(int(syntax.Offset), len(data))], []byte("\n")), err)
	case errors.As(err, &kind) && kind.Field == "":
		return fmt.Errorf("expected a list of pictures with %s, found a JSON %s", fields, kind.Value)
	case errors.As(err, &kind):
		return fmt.Errorf("expected another kind of value for %s in line %d, found a JSON %s", kind.Field, 1+bytes.Count(data[:min(int(kind.Offset), len(data))], []byte("\n")), kind.Value)
	}
	return err
}

func (f captionedPicture) picture(raw bool) (Picture, error) {
	candidate, references, suffix := f.Candidate, f.References, ""
	if raw {
		candidate, references, suffix = f.CandidateRaw, f.ReferencesRaw, "_raw"
	}
	switch {
	case f.ID == nil:
		return Picture{}, errors.New("expected an image_id, found none")
	case candidate == nil:
		return Picture{}, fmt.Errorf("image_id %s: expected candidate%s, found none%s", f.ID, suffix, f.otherForm(raw))
	case len(references) == 0:
		return Picture{}, fmt.Errorf("image_id %s: expected at least one of references%s, found none%s", f.ID, suffix, f.otherForm(raw))
	}
	p := Picture{*f.ID, *candidate, references}
	if raw {
		p = Tokenized(*f.ID, *candidate, references)
	}
	if p.Wordless() == len(p.References) {
		return Picture{}, fmt.Errorf("image_id %s: expected words in references%s, found none in %q", f.ID, suffix, references)
	}
	return p, nil
}

// otherForm says what to do when only another form of captions is there.
func (f captionedPicture) otherForm(raw bool) string {
	switch {
	case f.Caption != nil:
		return "; it has the caption of a list of results, whose references are in a data set (--data)"
	case !raw && (f.CandidateRaw != nil || len(f.ReferencesRaw) > 0):
		return "; its raw captions can be tokenised first (--raw)"
	case raw && (f.Candidate != nil || len(f.References) > 0):
		return "; its tokenised captions need no --raw"
	}
	return ""
}

// References are the references of every picture, as [CountDocuments] takes them.
func References(pictures []Picture) [][]string {
	all := make([][]string, len(pictures))
	for i, p := range pictures {
		all[i] = p.References
	}
	return all
}

// checkPictures gives an error for pictures that cannot be scored.
func checkPictures(pictures []Picture) error {
	if len(pictures) == 0 {
		return errors.New("expected at least one picture, found none")
	}
	var without []string
	for _, p := range pictures {
		if len(p.References) == 0 {
			without = append(without, p.ID.String())
		}
	}
	if len(without) > 0 {
		return fmt.Errorf("expected references for every picture, found none for %s", strings.Join(without[:min(len(without), 5)], ", "))
	}
	return nil
}
