from tests.cuda.emulator.ptxemu import SIZE, Emu, PTXError


class Fault(Exception):
    pass


class Kernel:
    def __init__(self, ptx, name):
        self.emu = Emu(ptx, entry=name)
        self.name = name
        self.parameters = [(off, nb) for _, _, off, nb in self.emu.f.params]
        self.shared_bytes = self.emu.m.ssize
        self.threads_at_most = 1024

    def launch(self, grid, block, arguments, regions, shared_bytes=0):
        import ctypes
        import numpy as np

        bufs = [(s, s + n, np.frombuffer((ctypes.c_uint8 * n).from_address(s), np.uint8)) for s, n in regions]
        self.emu.report = []
        try:
            self.emu.launch_raw(grid, block, arguments, bufs, shared_bytes)
        except PTXError as e:
            raise Fault(str(e)) from e
        return list(self.emu.report)


KERNELS = {}


def find_kernel(ptx, name):
    if (ptx, name) not in KERNELS:
        KERNELS[ptx, name] = Kernel(ptx, name)
    return KERNELS[ptx, name]
