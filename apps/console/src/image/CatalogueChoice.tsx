import { useQuery } from "@tanstack/react-query";
import { useServices } from "../app/services.ts";
import { useImages } from "../live/use-live.ts";
import { FaultAlert } from "../parts/FaultAlert.tsx";
import { Loading } from "../parts/Loading.tsx";

export type CatalogueChoiceProps = {
  chosen: string;
  onChoose: (name: string) => void;
  error: string | undefined;
};

/** The images that can be pulled by name. */
export function CatalogueChoice({ chosen, onChoose, error }: CatalogueChoiceProps) {
  const { client } = useServices();
  const images = useImages();
  const catalogue = useQuery({
    queryKey: ["catalogue"],
    queryFn: ({ signal }) => client.call("listCatalogue", {}, signal),
  });
  if (catalogue.isLoading) return <Loading rows={3} />;
  if (catalogue.isError) {
    const retry = () => void catalogue.refetch();
    return <FaultAlert title="The catalogue cannot be read" error={catalogue.error} onRetry={retry} />;
  }
  const here = new Set([...images.values()].map((image) => image.name));
  return (
    <fieldset className="image-choice">
      <legend className="pf-v6-screen-reader">Image</legend>
      {catalogue.data?.items.map((item) => (
        <label key={item.name} className={item.name === chosen ? "image-card is-chosen" : "image-card"}>
          <input
            type="radio"
            name="catalogue"
            value={item.name}
            checked={item.name === chosen}
            onChange={() => onChoose(item.name)}
          />
          <span className="image-card__title">{item.title}</span>
          <span className="image-card__note">
            {here.has(item.name) ? `${item.name} · here already` : item.name}
          </span>
        </label>
      ))}
      {error !== undefined && (
        <p className="field-fault" role="alert">
          {error}
        </p>
      )}
    </fieldset>
  );
}
