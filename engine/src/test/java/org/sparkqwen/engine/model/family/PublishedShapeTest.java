package org.sparkqwen.engine.model.family;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.sparkqwen.engine.model.TensorPlan;

class PublishedShapeTest {
    /// The expected numbers are those of the elements of all tensors in the published checkpoints.
    @ParameterizedTest
    @CsvSource({
        "0.6b, 596049920",
        "1.7b, 1720574976",
        "4b, 4022468096",
        "8b, 8190735360",
        "14b, 14768307200",
        "32b, 32762123264",
        "30b-a3b, 30532122624",
        "235b-a22b, 235093634560"
    })
    void hasThePublishedNumberOfParameters(String label, long parameters) {
        PublishedShape shape = PublishedShape.of(label);
        assertThat(shape.label()).isEqualTo(label);
        assertThat(TensorPlan.of(shape.config(shape.layers())).parameters()).isEqualTo(parameters);
    }

    /// The results are the A3B and the A22B of the models' names, which include embedding and head.
    @Test
    void aTokenUsesFewOfTheParametersOfAMixture() {
        PublishedShape small = PublishedShape.of("30b-a3b");
        PublishedShape large = PublishedShape.of("235b-a22b");
        PublishedShape dense = PublishedShape.of("8b");
        assertThat(TensorPlan.activeParameters(small.config(small.layers()))).isEqualTo(3_353_032_704L);
        assertThat(TensorPlan.activeParameters(large.config(large.layers()))).isEqualTo(22_190_763_520L);
        assertThat(TensorPlan.activeParameters(dense.config(dense.layers()))).isEqualTo(8_190_735_360L);
    }

    @Test
    void aTokenIsMultipliedWithEveryMatrixExceptAnUntiedEmbedding() {
        // These are queries and output, keys and values, three matrices of the feed-forward, and the tied
        // head.
        long dense = 2L * (2 * 1024 * 2048 + 2 * 1024 * 1024 + 3 * 1024 * 3072 + 151_936 * 1024);
        assertThat(TensorPlan.flopsPerToken(PublishedShape.of("0.6b").config(1)))
                .isEqualTo(dense);
        // These are queries and output, keys and values, the router, eight experts of three matrices each,
        // and a head of its own.
        long mixture = 2L * (2 * 2048 * 4096 + 2 * 2048 * 512 + 128 * 2048 + 8 * 3 * 2048 * 768 + 151_936 * 2048);
        assertThat(TensorPlan.flopsPerToken(PublishedShape.of("30b-a3b").config(1)))
                .isEqualTo(mixture);
    }

    @Test
    void hasFewerLayersIfFewerAreAskedFor() {
        PublishedShape shape = PublishedShape.of("4B");
        long one = TensorPlan.of(shape.config(1)).parameters();
        long two = TensorPlan.of(shape.config(2)).parameters();
        assertThat(one + (shape.layers() - 1) * (two - one)).isEqualTo(4_022_468_096L);
    }

    @Test
    void refusesAShapeThatWasNotPublished() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PublishedShape.of("5b"))
                .withMessage("no published shape 5b; there are 0.6b, 1.7b, 4b, 8b, 14b, 32b, 30b-a3b, 235b-a22b");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> PublishedShape.of("0.6b").config(29))
                .withMessage("layers must be from 1 to the 28 of 0.6b, not 29");
    }
}
