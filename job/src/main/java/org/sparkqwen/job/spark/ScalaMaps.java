package org.sparkqwen.job.spark;

import java.util.Map;
import scala.$less$colon$less$;
import scala.jdk.javaapi.CollectionConverters;

/// Makes maps for Spark's own classes.
final class ScalaMaps {
    private ScalaMaps() {}

    static scala.collection.immutable.Map<String, String> immutable(Map<String, String> map) {
        return CollectionConverters.asScala(map).toMap($less$colon$less$.MODULE$.refl());
    }
}
