package mirror

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"

	"github.com/cozystack/cozystack-telemetry-server/store/rollup"
)

// place is where the mirror has what there is of one product: its months, and in a folder
// below its days. Cozystack's is the mirror itself, another product's the folder of its
// name.
type place struct{ root, product string }

// in returns the folder's path within the mirror; "" for Cozystack's.
func (f place) in() string {
	if f.product == rollup.Cozystack {
		return ""
	}
	return f.product
}

func (f place) path() string { return filepath.Join(f.root, f.in()) }

func (f place) days() string { return filepath.Join(f.root, f.in(), dayFolderName) }

// month returns the name of a month's file within the mirror.
func (f place) month(m rollup.MonthID) string { return filepath.Join(f.in(), monthFileName(m)) }

// productName is what a product's name is like.
var productName = regexp.MustCompile(`^[a-z]+$`)

// isFolderName tells whether a product can have a folder of its name.
func isFolderName(name string) bool {
	return productName.MatchString(name) && name != dayFolderName && name != rollup.Cozystack
}

func errNoFolder(product string) error {
	return fmt.Errorf("the product %q can't have a folder of its name", product)
}

// foldersIn returns the folders that a mirror has, Cozystack's first: one for each product
// whose days are there. A folder whose manifest is another one's is somebody else's, such as
// a copy of the mirror.
func foldersIn(root string) ([]place, error) {
	all := []place{{root, rollup.Cozystack}}
	entries, err := readFolder(root)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		f := place{root, e.Name()}
		if !e.IsDir() || !isFolderName(e.Name()) || !f.isOurs() {
			continue
		}
		all = append(all, f)
	}
	return all, nil
}

func (f place) isOurs() bool {
	entries, err := readFolder(f.path())
	isDays := func(e fs.DirEntry) bool { return e.IsDir() && e.Name() == dayFolderName }
	if err != nil || !slices.ContainsFunc(entries, isDays) {
		return false
	}
	list := f.loadManifest()
	return list.Database == "" || list.Product == f.product
}

// part is the mirror of one product.
type part struct {
	place
	*Mirror
}

// part returns that of a product, whether or not it has a folder yet.
func (m *Mirror) part(product string) part { return part{place{m.dir, product}, m} }

// parts returns those of all products that the store or the folder has anything of,
// Cozystack's first and then by name.
func (m *Mirror) parts() ([]part, error) {
	names, err := m.store.Products()
	if err != nil {
		return nil, err
	}
	snapshots, err := m.store.ProductSnapshots()
	if err != nil {
		return nil, err
	}
	for _, s := range snapshots {
		names = append(names, s.Product)
	}
	folders, err := foldersIn(m.dir)
	if err != nil {
		return nil, err
	}
	for _, f := range folders {
		names = append(names, f.product)
	}
	names = slices.DeleteFunc(names, func(name string) bool { return name == rollup.Cozystack })
	slices.Sort(names)
	all := []part{m.part(rollup.Cozystack)}
	for _, name := range slices.Compact(names) {
		if !isFolderName(name) {
			return nil, errNoFolder(name)
		}
		all = append(all, m.part(name))
	}
	return all, nil
}
