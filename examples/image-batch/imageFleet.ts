import {
  FleetManager,
  WorkerAgent,
  type HandlerContext,
  type TaskResult,
  type WorkerTask
} from 'xstate-fleet';
import { readImage, resize, writeImage } from './images.ts';

export interface ImageTask {
  readonly source: string;
  readonly target: string;
  /** Pixels. */
  readonly width: number;
}

export interface ProcessedImage {
  readonly target: string;
  readonly width: number;
  readonly height: number;
  readonly bytes: number;
}

/** Makes one picture smaller. Made for one task, and gone after it. */
export class ImageWorker extends WorkerAgent<ImageTask, ProcessedImage> {
  protected override async processTask(
    { data: { source, target, width } }: WorkerTask<ImageTask>,
    { signal }: HandlerContext
  ): Promise<ProcessedImage> {
    const image = await readImage(source);
    signal.throwIfAborted();
    const scaled = resize(image, width);
    return { target, width, height: scaled.height, bytes: await writeImage(target, scaled) };
  }
}

/** Has a worker of its own for each picture. */
export class ImageFleet extends FleetManager<{ resize: (data: ImageTask) => Promise<ProcessedImage> }> {
  /** What went wrong, by task: a monitor of your own may take its place. */
  readonly failures = new Map<string, string>();

  protected override getWorkerInstance(workerId: string): ImageWorker {
    return new ImageWorker({ id: workerId });
  }

  protected override async executeTaskOnWorker(
    worker: ImageWorker,
    task: WorkerTask<ImageTask>,
    context: HandlerContext
  ): Promise<TaskResult<ProcessedImage>> {
    const result = await worker.executeTask(task, context);
    if (!result.success) this.failures.set(task.id, result.error!);
    return result;
  }
}
