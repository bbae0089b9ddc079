package org.sparkqwen.engine.kernels.cuda;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.sparkqwen.engine.kernels.DeviceException;
import org.sparkqwen.engine.kernels.DeviceException.Reason;

/// The functions of NVIDIA's driver, libcuda.so.1, that the back-end calls. Names and arguments are those of the CUDA
/// driver API; addresses of device memory and handles are numbers.
@SuppressWarnings("restricted") // signatures are those of cuda.h
final class Driver {
    private static final String LIBRARY = "libcuda.so.1";
    private static final int SUCCESS = 0;
    private static final int ERROR_OUT_OF_MEMORY = 2;
    private static final int ERROR_NO_DEVICE = 100;
    private static final int NAME_BYTES = 256;

    /// Loads the driver when it is first needed.
    private static final class Loaded {
        static final @Nullable Driver DRIVER;
        static final @Nullable String OBSTACLE;

        static {
            Driver driver = null;
            String obstacle = null;
            try {
                driver = load();
            } catch (DeviceException e) {
                obstacle = e.getMessage();
            }
            DRIVER = driver;
            OBSTACLE = obstacle;
        }

        private Loaded() {}
    }

    private final SymbolLookup library;
    private final MethodHandle errorString;
    private final MethodHandle setContext;
    private final MethodHandle memory;
    private final MethodHandle allocate;
    private final MethodHandle free;
    private final MethodHandle toDevice;
    private final MethodHandle toHost;
    private final MethodHandle copy;
    private final MethodHandle fill;
    private final MethodHandle launch;
    private final MethodHandle recordEvent;
    private final MethodHandle awaitEvent;
    private final MethodHandle synchronize;
    private final MethodHandle allocateHost;
    private final MethodHandle freeHost;

    private Driver(SymbolLookup library) {
        this.library = library;
        errorString = function("cuGetErrorString", JAVA_INT, ADDRESS);
        setContext = function("cuCtxSetCurrent", JAVA_LONG);
        memory = function("cuMemGetInfo_v2", ADDRESS, ADDRESS);
        allocate = function("cuMemAlloc_v2", ADDRESS, JAVA_LONG);
        free = function("cuMemFree_v2", JAVA_LONG);
        toDevice = function("cuMemcpyHtoDAsync_v2", JAVA_LONG, ADDRESS, JAVA_LONG, JAVA_LONG);
        toHost = function("cuMemcpyDtoHAsync_v2", ADDRESS, JAVA_LONG, JAVA_LONG, JAVA_LONG);
        copy = function("cuMemcpyDtoDAsync_v2", JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG);
        fill = function("cuMemsetD8Async", JAVA_LONG, JAVA_BYTE, JAVA_LONG, JAVA_LONG);
        launch = function("cuLaunchKernelEx", ADDRESS, JAVA_LONG, ADDRESS, ADDRESS);
        recordEvent = function("cuEventRecord", JAVA_LONG, JAVA_LONG);
        awaitEvent = function("cuEventSynchronize", JAVA_LONG);
        synchronize = function("cuStreamSynchronize", JAVA_LONG);
        allocateHost = function("cuMemHostAlloc", ADDRESS, JAVA_LONG, JAVA_INT);
        freeHost = function("cuMemFreeHost", ADDRESS);
    }

    private MethodHandle function(String name, MemoryLayout... arguments) {
        MemorySegment address = library.find(name)
                .orElseThrow(() -> new DeviceException(
                        Reason.UNAVAILABLE,
                        "the NVIDIA driver is too old, because it has no %s; install version 525 or later"
                                .formatted(name)));
        return Linker.nativeLinker().downcallHandle(address, FunctionDescriptor.of(JAVA_INT, arguments));
    }

    private static Driver load() {
        if (!Driver.class.getModule().isNativeAccessEnabled()) {
            throw new DeviceException(
                    Reason.UNAVAILABLE, "the JVM may call nothing native; give --enable-native-access=ALL-UNNAMED");
        }
        SymbolLookup library;
        try {
            library = SymbolLookup.libraryLookup(LIBRARY, Arena.global());
        } catch (IllegalArgumentException e) {
            throw new DeviceException(
                    Reason.UNAVAILABLE, "this host has no NVIDIA driver (%s), so there is no GPU".formatted(LIBRARY));
        }
        Driver driver = new Driver(library);
        int result = driver.rarely("cuInit", new MemoryLayout[] {JAVA_INT}, 0);
        if (result == ERROR_NO_DEVICE) {
            throw new DeviceException(Reason.UNAVAILABLE, "the NVIDIA driver shows this process no GPU");
        }
        driver.check("cuInit", result, Reason.UNAVAILABLE);
        return driver;
    }

    /// The reason why there is no driver; empty if there is one.
    static Optional<String> obstacle() {
        return Optional.ofNullable(Loaded.OBSTACLE);
    }

    /// @throws DeviceException if the host has none, see [#obstacle]
    static Driver get() {
        Driver driver = Loaded.DRIVER;
        if (driver == null) {
            throw new DeviceException(Reason.UNAVAILABLE, obstacle().orElse("there is no NVIDIA driver"));
        }
        return driver;
    }

    int deviceCount() {
        return intOf("cuDeviceGetCount", new MemoryLayout[] {ADDRESS});
    }

    int device(int index) {
        return intOf("cuDeviceGet", new MemoryLayout[] {ADDRESS, JAVA_INT}, index);
    }

    /// @param attribute a number of CUdevice_attribute
    int attribute(int attribute, int device) {
        return intOf("cuDeviceGetAttribute", new MemoryLayout[] {ADDRESS, JAVA_INT, JAVA_INT}, attribute, device);
    }

    String deviceName(int device) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment name = arena.allocate(NAME_BYTES);
            check(
                    "cuDeviceGetName",
                    rarely(
                            "cuDeviceGetName",
                            new MemoryLayout[] {ADDRESS, JAVA_INT, JAVA_INT},
                            name,
                            NAME_BYTES,
                            device),
                    Reason.UNAVAILABLE);
            return name.getString(0, StandardCharsets.UTF_8);
        }
    }

    /// The newest version of CUDA that the driver knows, such as `13.0`.
    String version() {
        int version = intOf("cuDriverGetVersion", new MemoryLayout[] {ADDRESS});
        return "%d.%d".formatted(version / 1000, version % 1000 / 10);
    }

    /// Takes the device's primary context, which [#releaseContext] gives back.
    long retainContext(int device) {
        return longOf("cuDevicePrimaryCtxRetain", new MemoryLayout[] {ADDRESS, JAVA_INT}, device);
    }

    void releaseContext(int device) {
        check(
                "cuDevicePrimaryCtxRelease",
                rarely("cuDevicePrimaryCtxRelease_v2", new MemoryLayout[] {JAVA_INT}, device),
                Reason.LOST);
    }

    long newStream() {
        return longOf("cuStreamCreate", new MemoryLayout[] {ADDRESS, JAVA_INT}, 1); // apart from the default stream
    }

    void freeStream(long stream) {
        check("cuStreamDestroy", rarely("cuStreamDestroy_v2", new MemoryLayout[] {JAVA_LONG}, stream), Reason.LOST);
    }

    long newEvent() {
        return longOf("cuEventCreate", new MemoryLayout[] {ADDRESS, JAVA_INT}, 2); // without times
    }

    void freeEvent(long event) {
        check("cuEventDestroy", rarely("cuEventDestroy_v2", new MemoryLayout[] {JAVA_LONG}, event), Reason.LOST);
    }

    long loadModule(MemorySegment code) {
        return longOf("cuModuleLoadData", new MemoryLayout[] {ADDRESS, ADDRESS}, code);
    }

    void unloadModule(long module) {
        check("cuModuleUnload", rarely("cuModuleUnload", new MemoryLayout[] {JAVA_LONG}, module), Reason.LOST);
    }

    long kernel(long module, String name) {
        try (Arena arena = Arena.ofConfined()) {
            return longOf(
                    "cuModuleGetFunction",
                    new MemoryLayout[] {ADDRESS, JAVA_LONG, ADDRESS},
                    module,
                    arena.allocateFrom(name));
        }
    }

    /// Lets a kernel use so many bytes of shared memory.
    void allowShared(long kernel, int bytes) {
        int maxDynamicSharedSize = 8; // of CUfunction_attribute
        check(
                "cuFuncSetAttribute",
                rarely(
                        "cuFuncSetAttribute",
                        new MemoryLayout[] {JAVA_LONG, JAVA_INT, JAVA_INT},
                        kernel,
                        maxDynamicSharedSize,
                        bytes),
                Reason.UNAVAILABLE);
    }

    private int intOf(String name, MemoryLayout[] layouts, Object... arguments) {
        return (int) longOf(name, layouts, arguments);
    }

    /// Calls a function whose first argument is where it writes its result.
    private long longOf(String name, MemoryLayout[] layouts, Object... arguments) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment result = arena.allocate(JAVA_LONG);
            Object[] all = new Object[arguments.length + 1];
            all[0] = result;
            System.arraycopy(arguments, 0, all, 1, arguments.length);
            check(name, rarely(name, layouts, all), Reason.UNAVAILABLE);
            return result.get(JAVA_LONG, 0);
        }
    }

    private int rarely(String name, MemoryLayout[] layouts, Object... arguments) {
        try {
            return (int) function(name, layouts).invokeWithArguments(arguments);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    void setContext(long context) {
        try {
            check("cuCtxSetCurrent", (int) setContext.invokeExact(context), Reason.LOST);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /// The free and all bytes of the current device's memory.
    long[] memory() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment free = arena.allocate(JAVA_LONG);
            MemorySegment total = arena.allocate(JAVA_LONG);
            check("cuMemGetInfo", (int) memory.invokeExact(free, total), Reason.LOST);
            return new long[] {free.get(JAVA_LONG, 0), total.get(JAVA_LONG, 0)};
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /// @throws DeviceException if the memory is full
    long allocate(long bytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment address = arena.allocate(JAVA_LONG);
            int result = (int) allocate.invokeExact(address, bytes);
            if (result == ERROR_OUT_OF_MEMORY) {
                throw new DeviceException(
                        Reason.OUT_OF_MEMORY,
                        "the GPU has no memory for %,d MiB more; %,d MiB of %,d are free"
                                .formatted(bytes >> 20, memory()[0] >> 20, memory()[1] >> 20));
            }
            check("cuMemAlloc", result, Reason.LOST);
            return address.get(JAVA_LONG, 0);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    void free(long address) {
        try {
            check("cuMemFree", (int) free.invokeExact(address), Reason.LOST);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /// Copies from the host. Memory that is not pinned may be changed when this returns.
    void toDevice(MemorySegment from, long to, long bytes, long stream) {
        try {
            check("cuMemcpyHtoDAsync", (int) toDevice.invokeExact(to, from, bytes, stream), Reason.LOST);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /// Copies to the host, where the numbers are when the stream is synchronized.
    void toHost(long from, MemorySegment to, long bytes, long stream) {
        try {
            check("cuMemcpyDtoHAsync", (int) toHost.invokeExact(to, from, bytes, stream), Reason.LOST);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    void copy(long from, long to, long bytes, long stream) {
        try {
            check("cuMemcpyDtoDAsync", (int) copy.invokeExact(to, from, bytes, stream), Reason.LOST);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    void zero(long address, long bytes, long stream) {
        try {
            check("cuMemsetD8Async", (int) fill.invokeExact(address, (byte) 0, bytes, stream), Reason.LOST);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /// Starts a kernel.
    ///
    /// @param configuration as [LaunchConfiguration#of] describes it
    /// @param arguments as [Arguments#launchOptions] describes them
    void launch(long kernel, MemorySegment configuration, MemorySegment arguments) {
        try {
            int result = (int) launch.invokeExact(configuration, kernel, MemorySegment.NULL, arguments);
            check("cuLaunchKernelEx", result, Reason.LOST);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /// Makes an event happen when all that was started in a stream is done.
    void recordEvent(long event, long stream) {
        try {
            check("cuEventRecord", (int) recordEvent.invokeExact(event, stream), Reason.LOST);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    void awaitEvent(long event) {
        try {
            check("cuEventSynchronize", (int) awaitEvent.invokeExact(event), Reason.LOST);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    void synchronize(long stream) {
        try {
            check("cuStreamSynchronize", (int) synchronize.invokeExact(stream), Reason.LOST);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    /// Allocates memory of the host that the device copies from and to by itself.
    MemorySegment allocateHost(long bytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment address = arena.allocate(ADDRESS);
            check("cuMemHostAlloc", (int) allocateHost.invokeExact(address, bytes, 0), Reason.UNAVAILABLE);
            return address.get(ADDRESS, 0).reinterpret(bytes);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    void freeHost(MemorySegment memory) {
        try {
            check("cuMemFreeHost", (int) freeHost.invokeExact(memory), Reason.LOST);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    private void check(String function, int result, Reason reason) {
        if (result != SUCCESS) {
            throw new DeviceException(
                    reason,
                    "the GPU failed: %s says '%s' (%d)%s"
                            .formatted(
                                    function,
                                    errorString(result),
                                    result,
                                    reason == Reason.LOST ? "; see the system's log for Xid errors" : ""));
        }
    }

    private String errorString(int result) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment text = arena.allocate(ADDRESS);
            int found = (int) errorString.invokeExact(result, text);
            return found == SUCCESS
                    ? text.get(ADDRESS, 0).reinterpret(NAME_BYTES).getString(0)
                    : "an unknown error";
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw unexpected(e);
        }
    }

    private static AssertionError unexpected(Throwable cause) {
        return new AssertionError("a native function throws nothing", cause);
    }
}
