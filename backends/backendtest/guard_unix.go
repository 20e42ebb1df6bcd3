//go:build unix

package backendtest

import "syscall"

// guarded returns at least so many bytes between two pages that fault when touched.
func guarded(size int) (memory []byte, free func()) {
	page := syscall.Getpagesize()
	size = (size+page-1)/page*page + 2*page
	all, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	for _, guard := range [][]byte{all[:page], all[size-page:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			panic(err)
		}
	}
	return all[page : size-page], func() { _ = syscall.Munmap(all) }
}
