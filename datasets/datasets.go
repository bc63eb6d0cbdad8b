// Package datasets holds what the lab learns from: Scenes drawn on the fly (package scenes) and real pictures
// with captions, titles or labels, in the layouts their publishers gave them. It knows no model.
//
// Data flows one way: a [Dataset] lists examples in a fixed order, a [Loader] reads and prepares them in
// parallel and yields batches in an order that depends on the seed alone.
package datasets

import "image"

// Example is one picture with everything its data set says about it. The picture itself is read only when
// Open is called, so a Dataset of a million pictures is a list of a million names.
type Example struct {
	ID         string            // unique within the data set, such as "1000268201_693b08cb0e.jpg"
	Captions   []string          // sentences or titles that describe the picture; empty when there are none
	Label      string            // class name, for labelled pictures; empty otherwise
	Attributes map[string]string // further facts, such as articleType -> Shirts; nil when there are none

	// Open reads and decodes the picture. Its error names the picture and says what is wrong with it.
	// It may be called from several goroutines.
	Open func() (image.Image, error)
}

// ImageID is the attribute of an example that holds COCO's number of the picture, in data sets that number theirs.
const ImageID = "image_id"

// Dataset is an ordered, read-only collection of examples. Implementations are safe for concurrent use.
type Dataset interface {
	// Name is the data set's name and split, such as "flickr8k/train".
	Name() string
	// Len is the number of examples.
	Len() int
	// At returns example i, 0 <= i < Len(). It does not read the picture.
	At(i int) Example
	// Fingerprint identifies the content (names, texts, sizes of the files), so that caches of what was
	// computed from a data set are never used for another. It is stable between processes.
	Fingerprint() string
}
