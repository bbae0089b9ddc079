package org.sparkqwen.job.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.sparkqwen.job.failure.Refusal;

/// The value of `--model` is a path or a URI.
class ModelLocationTest {
    @Test
    void aFileUriIsALocalPath() {
        assertThat(ModelLocation.of("file:///models/a")).isEqualTo(new ModelLocation.Local(Path.of("/models/a")));
        assertThat(ModelLocation.of("models/a")).isEqualTo(new ModelLocation.Local(Path.of("models/a")));
        assertThat(ModelLocation.of("hdfs://host:9000/models/a/"))
                .isEqualTo(new ModelLocation.Remote("hdfs://host:9000/models/a"));
        assertThat(ModelLocation.of("abfss://container@account.dfs.core.windows.net/a"))
                .isInstanceOf(ModelLocation.Remote.class);
    }

    @ParameterizedTest
    @ValueSource(strings = {"s3a://bucket", "s3a://key:secret@bucket/model", "hdfs:// a/b", "s3a:"})
    void aUriThatNamesNoDirectoryOrASecretIsRefused(String uri) {
        assertThatThrownBy(() -> ModelLocation.of(uri))
                .isInstanceOf(Refusal.class)
                .hasMessageNotContaining("secret@");
        assertThatThrownBy(() -> ModelLocation.remote(uri))
                .isInstanceOf(Refusal.class)
                .hasMessageNotContaining("secret@");
    }

    /// So it is with a variable of the shell that is not set.
    @ParameterizedTest
    @ValueSource(strings = {"", " "})
    void anEmptyTextIsNotTheDirectoryInWhichTheProcessRuns(String empty) {
        assertThatThrownBy(() -> ModelLocation.of(empty))
                .isInstanceOf(Refusal.class)
                .hasMessage("--model is empty; give a directory or a URI, or leave the option out");
    }
}
