package org.sparkqwen.job.executor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.engine.kernels.Device;
import org.sparkqwen.engine.kernels.DeviceException;

/// The GPU of a task is the one that Spark gives it; `GpuClusterIT` runs tasks that are given some.
class TaskDeviceTest {
    @Test
    void aNamedDeviceIsKept() {
        assertThat(TaskDevice.of(Device.CPU)).isEqualTo(Device.CPU);
        assertThat(TaskDevice.of(Device.cuda(3))).isEqualTo(Device.cuda(3));
    }

    @ParameterizedTest
    @ValueSource(strings = {"0", "7", "15"})
    void anAddressIsTheNumberOfAGpu(String address) {
        assertThat(TaskDevice.index(address)).isEqualTo(Integer.parseInt(address));
    }

    @ParameterizedTest
    @ValueSource(strings = {"GPU-8d1f", "", "-1", "00000000:1B:00.0"})
    void anythingElseIsRefusedWithTheScriptThatHelps(String address) {
        assertThatThrownBy(() -> TaskDevice.index(address))
                .isInstanceOf(DeviceException.class)
                .hasMessage("Spark gave the GPU '%s', and only numbers are known; the script conf/discover-gpus.sh"
                                .formatted(address)
                        + " finds them");
    }
}
