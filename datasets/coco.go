package datasets

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// COCOCaptions opens pictures with captions in the layout of MS COCO (Lin et al. 2014; Chen et al. 2015): a folder of
// pictures and an annotations file, captions_*.json, whose images name their file and whose annotations
// their image. Examples are in the order of the file's images, captions in the order of its annotations.
func COCOCaptions(pictures, annotations string) (Dataset, error) {
	data, err := os.ReadFile(annotations)
	if err != nil {
		return nil, fmt.Errorf("expected COCO's captions: %w", err)
	}
	var file struct {
		Images []struct {
			ID       int64  `json:"id"`
			FileName string `json:"file_name"`
		} `json:"images"`
		Annotations []struct {
			ID      int64  `json:"id"`
			ImageID int64  `json:"image_id"`
			Caption string `json:"caption"`
		} `json:"annotations"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, fmt.Errorf("%s: expected COCO's JSON with images and annotations, found: %w", annotations, err)
	}
	there, err := filesIn(pictures)
	if err != nil {
		return nil, fmt.Errorf("expected COCO's pictures: %w", err)
	}
	var problems []Problem
	captions := map[int64][]string{}
	known := map[int64]bool{}
	for _, im := range file.Images {
		known[im.ID] = true
	}
	for _, a := range file.Annotations {
		if !known[a.ImageID] {
			problems = append(problems, Problem{fmt.Sprintf("annotation %d", a.ID), fmt.Sprintf("expected image %d, which it captions, found none; it is left out", a.ImageID)})
			continue
		}
		captions[a.ImageID] = append(captions[a.ImageID], captionLines([]byte(a.Caption))...)
	}
	var examples []Example
	for _, im := range file.Images {
		name := filepath.Base(im.FileName)
		switch {
		case !there[name]:
			problems = append(problems, Problem{name, "expected this picture, which the annotations list, found none; it is left out"})
		case len(captions[im.ID]) == 0:
			problems = append(problems, Problem{name, "expected captions of this picture, found none; it is left out"})
		default:
			examples = append(examples, Example{ID: name, Captions: captions[im.ID], Attributes: map[string]string{ImageID: fmt.Sprint(im.ID)}, Open: openFile(filepath.Join(pictures, name))})
		}
	}
	if len(examples) == 0 {
		return nil, nothingLeft("COCO captions", pictures, problems)
	}
	return newList("coco/"+filepath.Base(pictures), examples, problems, func(i int) int64 {
		return fileSize(filepath.Join(pictures, examples[i].ID))
	}), nil
}
