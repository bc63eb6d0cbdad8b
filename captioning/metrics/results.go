package metrics

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Result is a caption of a picture in the format in which coco-caption takes results.
type Result struct {
	ID      ID     `json:"image_id"`
	Caption string `json:"caption"` // as it was written, not tokenised
}

// WriteResults writes a JSON list of results, [{"image_id": 7, "caption": "a dog runs"}, ...], one a line.
func WriteResults(w io.Writer, results []Result) error {
	for i, r := range results {
		line, err := json.Marshal(r)
		if err != nil {
			return err
		}
		before := ",\n"
		if i == 0 {
			before = "["
		}
		if _, err := fmt.Fprintf(w, "%s%s", before, line); err != nil {
			return err
		}
	}
	if len(results) == 0 {
		_, err := io.WriteString(w, "[]\n")
		return err
	}
	_, err := io.WriteString(w, "]\n")
	return err
}

// ReadResults reads what [WriteResults] wrote, and results of others in this format; other fields are ignored. It gives an error
// when there is no result, when two are of the same picture, when one has no image_id or no caption, and for what is not UTF-8.
func ReadResults(r io.Reader) ([]Result, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	if err := checkText(data); err != nil {
		return nil, err
	}
	var found []struct {
		ID      *ID     `json:"image_id"`
		Caption *string `json:"caption"`
	}
	if err := json.Unmarshal(data, &found); err != nil {
		return nil, explainJSON(data, err, "image_id and caption")
	}
	if len(found) == 0 {
		return nil, errors.New("expected at least one picture, found none")
	}
	results := make([]Result, len(found))
	places := map[ID]int{}
	for i, f := range found {
		switch {
		case f.ID == nil:
			return nil, fmt.Errorf("picture %d: expected an image_id, found none", i+1)
		case f.Caption == nil:
			return nil, fmt.Errorf("picture %d: image_id %s: expected a caption, found none", i+1, f.ID)
		}
		if before, again := places[*f.ID]; again {
			return nil, fmt.Errorf("picture %d: expected every image_id once, found %s again, which picture %d has too", i+1, f.ID, before+1)
		}
		places[*f.ID] = i
		results[i] = Result{*f.ID, *f.Caption}
	}
	return results, nil
}
