// Package contrastive holds the experiments that train CLIPs on real pairs: lit.go (a text transformer against a locked
// picture tower, on photographs with captions) and products.go (both towers from scratch, on product photographs with
// titles). Their recorded results are docs/results/clip.md, which record.go writes from run folders.
//
// Every choice in their configurations was made on pictures set apart for it (Flickr8k's dev split; 600 products of the
// training split). The test pictures are looked at once, by a full run, at its end.
package contrastive
