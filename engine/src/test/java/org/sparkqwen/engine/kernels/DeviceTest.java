package org.sparkqwen.engine.kernels;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.testing.StandInGpuProvider;

/// The device is part of the choice of a back-end: nothing else than that device computes.
class DeviceTest {
    @ParameterizedTest
    @ValueSource(strings = {"cpu", "cuda", "cuda:0", "cuda:13"})
    void aDeviceIsReadAsItIsWritten(String text) {
        assertThat(Device.parse(text)).hasToString(text);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:x", "cuda:99999", "cpu:0"})
    void anythingElseIsRefused(String text) {
        assertThatThrownBy(() -> Device.parse(text))
                .hasMessage("there is no device '%s'; there are cpu, cuda, and cuda:N for the GPU with number N"
                        .formatted(text));
    }

    @Test
    void aGpuThatIsLeftOpenIsTheFirstOne() {
        assertThat(Device.CUDA.orFirst()).isEqualTo(Device.cuda(0));
        assertThat(Device.cuda(3).orFirst()).isEqualTo(Device.cuda(3));
        assertThat(Device.CPU.orFirst()).isEqualTo(Device.CPU);
    }

    @Test
    void kernelsAreForOneKindOfDevice() {
        assertThatThrownBy(() -> KernelChoice.SCALAR.on(Device.CUDA))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("there are no kernels 'scalar' for cuda; there are auto, ");
        assertThatThrownBy(() -> new KernelChoice(StandInGpuProvider.NAME))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("there are no kernels 'stand-in'; there are auto, code, vector, scalar");
        assertThat(KernelChoice.names()).doesNotContain(StandInGpuProvider.NAME);
    }

    @Test
    void theProcessorIsNeverTakenForAGpu() {
        System.setProperty(StandInGpuProvider.GPUS, "0");
        try {
            List<String> fallBacks = new ArrayList<>();
            assertThatThrownBy(() -> KernelChoice.AUTO.on(Device.cuda(1)).create(1, fallBacks::add))
                    .isInstanceOfSatisfying(
                            DeviceException.class,
                            e -> assertThat(e.reason()).isEqualTo(DeviceException.Reason.UNAVAILABLE))
                    .hasMessage("the device cuda:1 cannot be used: no NVIDIA driver (libcuda.so.1) on this host");
            assertThat(fallBacks).isEmpty();
        } finally {
            System.clearProperty(StandInGpuProvider.GPUS);
        }
    }

    @Test
    void aGpuIsNeverTakenForTheProcessor() {
        System.setProperty(StandInGpuProvider.GPUS, "2");
        try (Kernels onProcessor = KernelChoice.AUTO.create(1, reason -> {});
                Kernels onGpu = KernelChoice.AUTO.on(Device.cuda(1)).create(1, reason -> {})) {
            assertThat(onProcessor.description())
                    .startsWith(BackEnds.providers().getLast().name());
            assertThat(onProcessor.deviceUse()).isEmpty();
            assertThat(onGpu.description()).isEqualTo("separate memory of cuda:1, 1 thread(s)");
            assertThat(onGpu.deviceUse()).isPresent();
            assertThatThrownBy(() -> KernelChoice.AUTO.on(Device.CUDA).in(Precision.INT8))
                    .isInstanceOf(IllegalArgumentException.class)
                    .hasMessage("there is no precision int8 on cuda; there are float32, bfloat16");
            assertThat(KernelChoice.gpuProvider().devices()).hasSize(2);
        } finally {
            System.clearProperty(StandInGpuProvider.GPUS);
        }
    }
}
