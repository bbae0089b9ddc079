package org.sparkqwen.engine.kernels.cuda;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.DeviceException;
import org.sparkqwen.engine.kernels.DeviceException.Reason;

/// One GPU as one back-end uses it: memory, and a stream in which copies and kernels run one after the other.
///
/// Memory may be allocated, copied and freed by any thread. Kernels are started by one thread at a time.
final class Gpu implements AutoCloseable {
    /// The threads of a block that computes one row.
    static final int ROW_THREADS = 256;

    /// The code of the kernels, a file for each source. It runs on devices of compute capability 9.0 alone.
    private static final String CODE = "%s.sm_90a.cubin";

    private static final int MULTIPROCESSORS = 16; // of CUdevice_attribute, as the next ones
    private static final int CAPABILITY_MAJOR = 75;
    private static final int CAPABILITY_MINOR = 76;

    /// The shared memory that a kernel gets without asking.
    private static final int PLAIN_SHARED_BYTES = 48 << 10;

    private final Driver driver = Driver.get();
    private final int device;
    private final long context;
    private final long stream;
    private final int multiprocessors;
    private final Map<String, Long> modules = new HashMap<>();
    private final Map<String, Long> kernels = new HashMap<>();
    private final AtomicLong allocated = new AtomicLong();
    private final BusyTime busy = new BusyTime();
    private final LaunchConfiguration configuration;
    private boolean early = true;
    private final AtomicInteger users = new AtomicInteger(1);

    /// @param index the number of the device, as the driver counts those that this process sees
    /// @throws DeviceException if there is no such device, or none that the code runs on
    Gpu(int index) {
        Optional<String> obstacle = obstacle(index);
        if (obstacle.isPresent()) {
            throw new DeviceException(Reason.UNAVAILABLE, obstacle.get());
        }
        device = driver.device(index);
        context = driver.retainContext(device);
        driver.setContext(context);
        stream = driver.newStream();
        configuration = new LaunchConfiguration(Arena.ofAuto(), stream);
        multiprocessors = driver.attribute(MULTIPROCESSORS, device);
    }

    /// Why a device cannot be used; empty if it can.
    static Optional<String> obstacle(int index) {
        Optional<String> none = Driver.obstacle();
        if (none.isPresent()) {
            return none;
        }
        Driver driver = Driver.get();
        int count = driver.deviceCount();
        if (index >= count) {
            return Optional.of("there is no GPU with number %d; this process sees %d".formatted(index, count));
        }
        int found = driver.device(index);
        String architecture = architecture(driver, found);
        return architecture.equals("sm_90")
                ? Optional.empty()
                : Optional.of("GPU %d, %s, is %s; the kernels are for sm_90 (H100, H200)"
                        .formatted(index, driver.deviceName(found), architecture));
    }

    static String architecture(Driver driver, int device) {
        return "sm_%d%d"
                .formatted(driver.attribute(CAPABILITY_MAJOR, device), driver.attribute(CAPABILITY_MINOR, device));
    }

    /// Whether this build of the program has code for the kernels.
    static boolean hasCode() {
        return Gpu.class.getResource(CODE.formatted("product")) != null;
    }

    /// Makes the device current for the calling thread, before it calls other methods.
    Gpu use() {
        driver.setContext(context);
        return this;
    }

    int multiprocessors() {
        return multiprocessors;
    }

    String name() {
        return driver.deviceName(device);
    }

    long memoryBytes() {
        return driver.memory()[1];
    }

    long allocatedBytes() {
        return allocated.get();
    }

    BusyTime busy() {
        return busy;
    }

    /// Allocates memory that is filled with zeros.
    ///
    /// @throws DeviceException if the memory is full
    long allocate(long bytes) {
        long address = driver.allocate(bytes);
        allocated.addAndGet(bytes);
        zero(address, bytes);
        return address;
    }

    /// Frees memory when what uses it now is done.
    void free(long address, long bytes) {
        driver.free(address);
        allocated.addAndGet(-bytes);
    }

    void zero(long address, long bytes) {
        if (bytes > 0) {
            driver.zero(address, bytes, stream);
        }
    }

    void toDevice(MemorySegment from, long to) {
        if (from.byteSize() > 0) {
            driver.toDevice(from, to, from.byteSize(), stream);
        }
    }

    void copy(long from, long to, long bytes) {
        if (bytes > 0) {
            driver.copy(from, to, bytes, stream);
        }
    }

    /// Copies to the host, and waits until the numbers are there.
    void toHost(long from, MemorySegment to) {
        if (to.byteSize() > 0) {
            driver.toHost(from, to, to.byteSize(), stream);
        }
        synchronize();
    }

    /// Starts a copy to pinned memory of the host.
    ///
    /// @param event happens when the numbers are there
    /// @return what [#await] needs beside the event
    long startToHost(long from, MemorySegment to, long event) {
        driver.toHost(from, to, to.byteSize(), stream);
        driver.recordEvent(event, stream);
        return busy.started();
    }

    /// Waits for an event.
    ///
    /// @param mark what [#startToHost] returned
    void await(long event, long mark) {
        long start = System.nanoTime();
        driver.awaitEvent(event);
        busy.waited(start, mark);
    }

    /// Waits until all that was started is done.
    void synchronize() {
        long start = System.nanoTime();
        long mark = busy.started();
        driver.synchronize(stream);
        busy.waited(start, mark);
    }

    long newEvent() {
        return driver.newEvent();
    }

    void freeEvent(long event) {
        driver.freeEvent(event);
    }

    MemorySegment allocateHost(long bytes) {
        return driver.allocateHost(bytes);
    }

    void freeHost(MemorySegment memory) {
        driver.freeHost(memory);
    }

    /// Finds a kernel, whose code is loaded when it is first needed.
    ///
    /// @param source the name of the source file
    /// @param name the name in the code
    /// @param shared bytes of shared memory that it is started with
    long kernel(String source, String name, int shared) {
        Long known = kernels.get(name);
        if (known != null) {
            return known;
        }
        long kernel = driver.kernel(modules.computeIfAbsent(source, this::load), name);
        if (shared > PLAIN_SHARED_BYTES) {
            driver.allowShared(kernel, shared);
        }
        kernels.put(name, kernel);
        return kernel;
    }

    private long load(String source) {
        String file = CODE.formatted(source);
        try (InputStream in = Gpu.class.getResourceAsStream(file);
                Arena arena = Arena.ofConfined()) {
            if (in == null) {
                throw new DeviceException(Reason.UNAVAILABLE, "this program has no %s".formatted(file));
            }
            byte[] code = in.readAllBytes();
            MemorySegment copy = arena.allocate(code.length, Long.BYTES);
            MemorySegment.copy(MemorySegment.ofArray(code), 0, copy, 0, code.length);
            return driver.loadModule(copy);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /// Says whether kernels from now on start while those before them end.
    void startEarly(boolean value) {
        early = value;
    }

    /// Starts a kernel, which itself waits for the kernels before it.
    ///
    /// @param x number of blocks of threads
    /// @param y number of rows of blocks of threads
    void launch(long kernel, int x, int y, int threads, int shared, Arguments arguments) {
        busy.start();
        driver.launch(kernel, configuration.of(x, y, threads, shared, early), arguments.launchOptions());
    }

    /// Starts a kernel that needs no shared memory beyond what its code declares.
    ///
    /// @param source the name of the source file
    /// @param name the name in the code
    void launch(String source, String name, int x, int y, int threads, Arguments arguments) {
        launch(kernel(source, name, 0), x, y, threads, 0, arguments);
    }

    /// Starts a kernel that waits for nothing when those before it are done.
    void launchAfterAll(long kernel, int x, int y, int threads, Arguments arguments) {
        busy.start();
        driver.launch(kernel, configuration.of(x, y, threads, 0, false), arguments.launchOptions());
    }

    /// Notes a further user, who calls [#close] at the end.
    void retain() {
        users.incrementAndGet();
    }

    /// Ends the use by one user. Kernels and buffers are closed in any order, so the last of them lets go of the
    /// device.
    @Override
    public void close() {
        if (users.decrementAndGet() == 0) {
            driver.setContext(context);
            driver.synchronize(stream);
            modules.values().forEach(driver::unloadModule);
            driver.freeStream(stream);
            driver.releaseContext(device);
        }
    }

    /// Memory of the device that grows to what is needed, and keeps nothing when it does.
    static final class Scratch {
        private final Gpu gpu;
        private long address;
        private long bytes;

        Scratch(Gpu gpu) {
            this.gpu = gpu;
        }

        long reserve(long wanted) {
            if (wanted > bytes) {
                free();
                address = gpu.allocate(wanted);
                bytes = wanted;
            }
            return address;
        }

        void free() {
            if (bytes > 0) {
                gpu.free(address, bytes);
                bytes = 0;
            }
        }
    }

    /// Pinned memory of the host that grows to what is needed.
    static final class HostScratch {
        private final Gpu gpu;
        private @Nullable MemorySegment memory;

        HostScratch(Gpu gpu) {
            this.gpu = gpu;
        }

        MemorySegment reserve(long bytes) {
            MemorySegment now = memory;
            if (now == null || now.byteSize() < bytes) {
                free();
                now = gpu.allocateHost(Math.max(bytes, 1 << 16));
                memory = now;
            }
            return now.asSlice(0, bytes);
        }

        void free() {
            if (memory != null) {
                gpu.freeHost(memory);
                memory = null;
            }
        }
    }
}
