package datasets

import (
	"fmt"
	"strings"
)

// Entry is a data set that Glimpse knows by name: what it is, under which terms, how it is laid out, how it is
// opened and whether it can be downloaded.
type Entry struct {
	Name        string // of its folder, and for Find
	Description string
	Source      string // paper or people
	Terms       string // licence, or what is known of it
	Publisher   string // the publisher's page
	Splits      []Split
	Layouts     []Layout // the file layouts that are read; one of them suffices
	LeastClass  int      // classes with fewer pictures are left out of measurements unless others are asked for; 0 for none

	// Open opens one of Splits in the data set's folder. nil for what is no data set (weights).
	Open func(dir, split string) (Dataset, error)

	// Archive or Downloads is what Get downloads. Without either it cannot, and ByHand then says why and what to do
	// instead.
	Archive   *Archive
	Downloads []Download
	ByHand    string

	// Also is another folder in which Find looks, relative to those of SearchPath.
	Also string
}

// Downloadable says whether Get brings it.
func (e Entry) Downloadable() bool { return e.Archive != nil || len(e.Downloads) > 0 }

// Split is a part of a data set with the number of examples its authors published.
type Split struct {
	Name     string
	Examples int
}

// Layout is a set of files, relative to the data set's folder; a path that ends in "/" is a folder.
type Layout struct {
	Name  string
	Files []File
}

// File is an expected file. Size and SHA256 are zero where no public source states them.
type File struct {
	Path   string
	Size   int64
	SHA256 string
}

// Archive is a download: a .tar.gz at the publisher's address.
type Archive struct {
	URL    string
	Size   int64
	SHA256 string
}

// Download is a single file at the publisher's address, and where it goes in the data set's folder.
type Download struct {
	URL string
	File
}

// Lookup is the catalogue's entry of that name.
func Lookup(name string) (Entry, error) {
	var names []string
	for _, e := range Catalogue() {
		if e.Name == name {
			return e, nil
		}
		names = append(names, e.Name)
	}
	return Entry{}, fmt.Errorf("expected the name of a known data set (%s), found %q; data of your own is opened by its folder", strings.Join(names, ", "), name)
}

// Catalogue lists the data sets that Glimpse knows by name. Every hash in it is stated by a public source named
// beside it; where none states one, there is none.
func Catalogue() []Entry {
	return []Entry{flickr8kEntry(), flickr30kEntry(), cocoEntry(), fashionEntry(), cifar10Entry(), squeezenetEntry(), vocabularyEntry(), promptsEntry()}
}

func flickr8kEntry() Entry {
	return Entry{
		Name:        "flickr8k",
		Description: "8,000 photographs of people and animals in action, five English captions each",
		Source:      "Hodosh, Young, Hockenmaier 2013, Framing Image Description as a Ranking Task",
		Terms:       "research and education only; not to be redistributed",
		Publisher:   "https://forms.illinois.edu/sec/1713398",
		Splits:      []Split{{"train", 6000}, {"dev", 1000}, {"test", 1000}},
		Layouts: []Layout{{"as published", []File{
			{Path: "Flicker8k_Dataset/"},
			{Path: "Flickr8k_text/Flickr8k.token.txt"},
			{Path: "Flickr8k_text/Flickr_8k.trainImages.txt"},
			{Path: "Flickr8k_text/Flickr_8k.devImages.txt"},
			{Path: "Flickr8k_text/Flickr_8k.testImages.txt"},
		}}, {"with Karpathy's splits, which are the same", []File{{Path: "Flicker8k_Dataset/"}, {Path: "dataset_flickr8k.json"}}}},
		Open: Open,
		ByHand: "its authors ask for registration: fill in the form at https://forms.illinois.edu/sec/1713398, " +
			"unpack the photographs and the text as folders Flicker8k_Dataset and Flickr8k_text",
	}
}

// karpathyByHand says where Karpathy's files are published.
const karpathyByHand = "his splits are in caption_datasets.zip at https://cs.stanford.edu/people/karpathy/deepimagesent/"

// flickr30kEntry has the counts of Karpathy and Fei-Fei 2015, section 4.
func flickr30kEntry() Entry {
	return Entry{
		Name:        "flickr30k",
		Description: "31,014 photographs of people and animals in action, five English captions each, with Karpathy's splits",
		Source:      "Young, Lai, Hodosh, Hockenmaier 2014, From Image Descriptions to Visual Denotations; splits of Karpathy, Fei-Fei 2015",
		Terms:       "research and education only; not to be redistributed",
		Publisher:   "https://shannon.cs.illinois.edu/DenotationGraph/",
		Splits:      []Split{{"train", 29_000}, {"val", 1_014}, {"test", 1_000}},
		Layouts:     []Layout{{"as published, with Karpathy's splits", []File{{Path: "flickr30k-images/"}, {Path: "dataset_flickr30k.json"}}}},
		Open:        Karpathy,
		ByHand: "its authors ask for registration: fill in the form at https://shannon.cs.illinois.edu/DenotationGraph/ and unpack the photographs " +
			"as a folder flickr30k-images; " + karpathyByHand,
	}
}

// cocoEntry has the counts of Karpathy's splits: 82,783 pictures of train2014, and of val2014's 40,504 all but 5,000 each
// for val and test.
func cocoEntry() Entry {
	return Entry{
		Name:        "coco",
		Description: "123,287 photographs of common objects in context, five English captions each, with Karpathy's splits (train holds restval)",
		Source:      "Lin et al. 2014, Microsoft COCO; Chen et al. 2015, Microsoft COCO Captions; splits of Karpathy, Fei-Fei 2015",
		Terms:       "captions CC BY 4.0; the photographs belong to their owners on Flickr, under the terms they gave",
		Publisher:   "https://cocodataset.org",
		Splits:      []Split{{"train", 113_287}, {"val", 5_000}, {"test", 5_000}},
		Layouts: []Layout{
			{"as published, with Karpathy's splits", []File{{Path: "train2014/"}, {Path: "val2014/"}, {Path: "dataset_coco.json"}}},
			{"as published", []File{{Path: "train2014/"}, {Path: "val2014/"}, {Path: "annotations/captions_train2014.json"}, {Path: "annotations/captions_val2014.json"}}},
		},
		Open: Open,
		ByHand: "it is 19 GB in two archives that have to be unpacked: get train2014.zip and val2014.zip from https://cocodataset.org/#download " +
			"and unpack them as folders train2014 and val2014; " + karpathyByHand,
	}
}

func fashionEntry() Entry {
	return Entry{
		Name:        "fashion-products",
		Description: "6,000 product photographs (60x80) with a human-written title and catalogue attributes, a part of fashion-product-images-small",
		Source:      "Kaggle, Param Aggarwal, fashion-product-images-small; made into webdataset shards",
		Terms:       "published as MIT; who owns the photographs is unclear: tests and experiments only",
		Publisher:   "https://www.kaggle.com/datasets/paramaggarwal/fashion-product-images-small",
		Splits:      []Split{{"train", 4800}, {"val", 1200}},
		Layouts:     []Layout{{"webdataset shards", []File{{Path: "train-000000.tar"}, {Path: "train-000001.tar"}, {Path: "val-000000.tar"}}}},
		LeastClass:  20,
		Open: func(dir, split string) (Dataset, error) {
			shards, err := Shards(dir, split)
			if err != nil {
				return nil, fmt.Errorf("fashion-products: %w", err)
			}
			return WebDataset("fashion-products/"+split, shards)
		},
		ByHand: "Kaggle asks for a login: download it from https://www.kaggle.com/datasets/paramaggarwal/fashion-product-images-small " +
			"and pack ID.jpg, ID.txt (the title) and ID.json (the attributes) into train-000000.tar and val-000000.tar",
	}
}

// cifar10Entry pins what tensorflow/datasets states in url_checksums/cifar10.txt (commit 333639b3: size and sha256 of
// the archive; MLDatasets.jl, torchvision-ruby and GoMLX state the same sha256), and for the files inside what
// torchvision-ruby states in lib/torchvision/datasets/cifar10.rb. Their size follows from the format: 10,000 records.
func cifar10Entry() Entry {
	const size = 10_000 * cifarRecord
	return Entry{
		Name:        "cifar10",
		Description: "60,000 pictures (32x32) in ten classes: airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck",
		Source:      "Krizhevsky 2009, Learning Multiple Layers of Features from Tiny Images",
		Terms:       "none stated; the authors ask to cite the report",
		Publisher:   "https://www.cs.toronto.edu/~kriz/cifar.html",
		Splits:      []Split{{"train", 50_000}, {"test", 10_000}},
		Layouts: []Layout{
			{"binary version", []File{
				{Path: "cifar-10-batches-bin/batches.meta.txt"},
				{"cifar-10-batches-bin/data_batch_1.bin", size, "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"},
				{"cifar-10-batches-bin/data_batch_2.bin", size, "a591ca11fa1708a91ee40f54b3da4784ccd871ecf2137de63f51ada8b3fa57ed"},
				{"cifar-10-batches-bin/data_batch_3.bin", size, "bbe8596564c0f86427f876058170b84dac6670ddf06d79402899d93ceea26f67"},
				{"cifar-10-batches-bin/data_batch_4.bin", size, "014e562d6e23c72197cc727519169a60359f5eccd8945ad5a09d710285ff4e48"},
				{"cifar-10-batches-bin/data_batch_5.bin", size, "755304fc0b379caeae8c14f0dac912fbc7d6cd469eb67a1029a08a39453a9add"},
				{"cifar-10-batches-bin/test_batch.bin", size, "8e2eb146ae340b09e24670f29cabc6326dba54da8789dab6768acf480273f65b"},
			}},
			{"folders of classes", []File{{Path: "train/"}, {Path: "test/"}}},
		},
		Open: Open,
		Archive: &Archive{
			URL:    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
			Size:   170_052_171,
			SHA256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
		},
	}
}

// squeezenetEntry pins the converted files, whose sha256 the README that lies with them states.
func squeezenetEntry() Entry {
	return Entry{
		Name:        "squeezenet",
		Description: "ImageNet weights of SqueezeNet 1.0 as safetensors, for frozen image features (no pictures)",
		Source:      "Iandola et al. 2016, arXiv 1602.07360; weights of Deep Compression by Song Han",
		Terms:       "the BSD-style text in LICENCE beside the weights",
		Publisher:   "https://github.com/songhan/SqueezeNet-Deep-Compression",
		Layouts: []Layout{{"safetensors", []File{
			{"squeezenet1_0.safetensors", 4_998_792, "952ad818cf3965a81a0d7e6fe15828c62a6482774a99202b546c2299cf76c26a"},
			{Path: "imagenet_classes.txt"},
			{Path: "LICENCE"},
		}}},
		ByHand: "it is published in a compressed form of its own (compressed_SqueezeNet.net at commit fb13faa2cf121ced9999f8a9d538ec6c56084733 of " +
			"https://github.com/songhan/SqueezeNet-Deep-Compression) that has to be converted to safetensors first, which this command does not do",
	}
}
