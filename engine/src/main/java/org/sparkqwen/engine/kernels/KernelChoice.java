package org.sparkqwen.engine.kernels;

import java.io.Serializable;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.ServiceLoader;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/// The choice of a back-end: one by its name, or `auto` for the best that can run in this JVM on a device.
///
/// A choice with a GPU takes a back-end of that kind or fails. A choice with the processor never takes one.
///
/// @param name the name of a [KernelProvider] for the kind of the device, or `auto`
/// @param precision what linear layers multiply in
/// @param device what computes
public record KernelChoice(String name, Precision precision, Device device) implements Serializable {
    /// The back-ends of this JVM, in the order in which `auto` prefers them.
    private static final List<KernelProvider> PROVIDERS =
            ServiceLoader.load(KernelProvider.class, KernelProvider.class.getClassLoader()).stream()
                    .map(ServiceLoader.Provider::get)
                    .sorted(Comparator.comparingInt(KernelProvider::rank).reversed())
                    .toList();

    public static final KernelChoice AUTO = new KernelChoice("auto");
    public static final KernelChoice CODE = new KernelChoice("code");
    public static final KernelChoice VECTOR = new KernelChoice("vector");
    public static final KernelChoice SCALAR = new KernelChoice("scalar");

    /// @throws IllegalArgumentException if no back-end for the device has the name, or none has the precision
    public KernelChoice {
        List<String> names = names(device.kind());
        if (!names.contains(name)) {
            throw new IllegalArgumentException("there are no kernels '%s'%s; there are %s"
                    .formatted(name, device.isGpu() ? " for " + device.kind() : "", String.join(", ", names)));
        }
        if (device.isGpu()) {
            refuseOthers(precision, device.kind());
        }
    }

    private static void refuseOthers(Precision precision, Device.Kind kind) {
        Set<Precision> known = gpuProvider().precisions();
        if (!known.contains(precision)) {
            throw new IllegalArgumentException("there is no precision %s on %s; there are %s"
                    .formatted(
                            precision,
                            kind,
                            known.stream().sorted().map(Precision::toString).collect(Collectors.joining(", "))));
        }
    }

    /// The choice of a back-end on the processor.
    ///
    /// @throws IllegalArgumentException if no back-end has the name
    public KernelChoice(String name, Precision precision) {
        this(name, precision, Device.CPU);
    }

    /// The choice of a back-end on the processor in float32.
    ///
    /// @throws IllegalArgumentException if no back-end has the name
    public KernelChoice(String name) {
        this(name, Precision.FLOAT32);
    }

    /// This choice's back-end in another precision.
    public KernelChoice in(Precision other) {
        return new KernelChoice(name, other, device);
    }

    /// This choice on another device.
    ///
    /// @throws IllegalArgumentException if the back-end of this choice is not for that kind of device
    public KernelChoice on(Device other) {
        return new KernelChoice(name, precision, other);
    }

    /// The names that a user may choose on the processor: `auto`, and each back-end's.
    public static List<String> names() {
        return names(Device.Kind.CPU);
    }

    private static List<String> names(Device.Kind kind) {
        return Stream.concat(Stream.of("auto"), providers(kind).map(KernelProvider::name))
                .toList();
    }

    private static Stream<KernelProvider> providers(Device.Kind kind) {
        return PROVIDERS.stream().filter(provider -> provider.device() == kind);
    }

    /// The back-end that `auto` takes on a GPU, whether or not it can run here.
    public static KernelProvider gpuProvider() {
        return providers(Device.Kind.CUDA)
                .filter(provider -> provider.rank() >= 0)
                .max(Comparator.comparingInt(KernelProvider::rank))
                .orElseThrow(() -> new IllegalStateException("this program has no kernels for GPUs"));
    }

    /// The precisions for which a back-end on the processor that `auto` may take has instructions here.
    public static List<Precision> fastPrecisions() {
        return Stream.of(Precision.values())
                .filter(precision -> providers(Device.Kind.CPU)
                        .anyMatch(provider -> provider.rank() >= 0 && provider.isFast(precision)))
                .toList();
    }

    /// The most heap in bytes that any back-end on the processor takes which can run here.
    public static long heapBytes(OperationSizes sizes) {
        return providers(Device.Kind.CPU)
                .filter(provider -> provider.obstacle().isEmpty())
                .mapToLong(provider -> provider.heapBytes(sizes))
                .max()
                .orElse(0);
    }

    /// The most native memory in bytes that any back-end on the processor which can run here takes beside its
    /// operands.
    public static long nativeBytes(OperationSizes sizes) {
        return providers(Device.Kind.CPU)
                .filter(provider -> provider.obstacle().isEmpty())
                .mapToLong(provider -> provider.nativeBytes(sizes))
                .max()
                .orElse(0);
    }

    /// Makes the kernels of the chosen back-end.
    ///
    /// @param threads at least 1
    /// @param fallBack receives one line for each better back-end that `auto` passed over on the processor, with
    ///     the reason
    /// @throws IllegalStateException if the back-end that was asked for cannot run in this JVM
    /// @throws DeviceException if the device is a GPU that cannot be used
    public Kernels create(int threads, Consumer<String> fallBack) {
        return device.isGpu() ? onGpu(threads) : onProcessor(threads, fallBack);
    }

    private Kernels onGpu(int threads) {
        KernelProvider provider = providers(device.kind())
                .filter(this::isCandidate)
                .max(Comparator.comparingInt(KernelProvider::rank))
                .orElseThrow(() -> unavailable("this program has no kernels for it"));
        Optional<String> obstacle = provider.obstacle(precision);
        if (obstacle.isPresent()) {
            throw unavailable(obstacle.get());
        }
        return provider.create(threads, precision, device.orFirst());
    }

    private Kernels onProcessor(int threads, Consumer<String> fallBack) {
        for (KernelProvider provider : PROVIDERS) {
            if (provider.device() == device.kind() && isCandidate(provider)) {
                Optional<String> obstacle = provider.obstacle(precision);
                if (obstacle.isEmpty()) {
                    return provider.create(threads, precision);
                }
                String reason = "%s kernels cannot run: %s".formatted(provider.name(), obstacle.get());
                if (!isAuto()) {
                    throw new IllegalStateException(reason);
                }
                fallBack.accept(reason);
            }
        }
        throw new IllegalStateException("no kernels can run in this JVM");
    }

    private DeviceException unavailable(String reason) {
        return new DeviceException(
                DeviceException.Reason.UNAVAILABLE, "the device %s cannot be used: %s".formatted(device, reason));
    }

    private boolean isCandidate(KernelProvider provider) {
        return isAuto() ? provider.rank() >= 0 : provider.name().equals(name);
    }

    private boolean isAuto() {
        return name.equals("auto");
    }

    /// The back-end's name, in the form that a user writes.
    @Override
    public String toString() {
        return name;
    }
}
