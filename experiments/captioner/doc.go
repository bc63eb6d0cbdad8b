// Package captioner is what a trained captioner consists of beside its decoder (package captioning): an encoder of pictures, a
// vocabulary, and the files in which all three are kept together. The experiments train it; `glimpse caption` and `glimpse eval
// captions` use it.
package captioner
