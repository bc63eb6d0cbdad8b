package datasets

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/glimpse-ml/glimpse/datasets/picture"
	"github.com/glimpse-ml/glimpse/internal/testdata"
)

// BenchmarkPictures is the whole way of one real picture into a batch: read, decode, resize and crop to 64x64, tensor.
func BenchmarkPictures(b *testing.B) {
	for _, tc := range []struct{ name, split string }{{"flickr8k", "dev"}, {"fashion-products", "val"}, {"cifar10", "test"}} {
		b.Run(tc.name, func(b *testing.B) {
			ds, err := Open(testdata.Data(b, tc.name), tc.split)
			if err != nil {
				b.Fatal(err)
			}
			l, err := NewLoader(ds.Len(), LoaderConfig{BatchSize: 32, Shuffle: true}, func(_ context.Context, i int, _ *rand.Rand) ([]float32, error) {
				img, err := ds.At(i).Open()
				if err != nil {
					return nil, err
				}
				p, err := picture.ShortSideCrop(img, 64, picture.Bicubic)
				if err != nil {
					return nil, err
				}
				return picture.ToCHW(p, [3]float32{.5, .5, .5}, [3]float32{.5, .5, .5}), nil
			})
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			for b.Loop() {
				if _, err := l.Next(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
			s := l.Stats()
			b.ReportMetric(float64(s.Examples)/b.Elapsed().Seconds(), "pictures/s")
			b.ReportMetric(s.Loading.Seconds()*1e6/float64(s.Examples), "µs/picture")
		})
	}
}
