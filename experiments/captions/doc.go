// Package captions holds the experiments of captioning on photographs with captions.
package captions
